// The page of the grid editor: the table, the keyboard, pasting and saving. What is changed and not saved is in edits.js.
"use strict";

{
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const settings = read("grid-settings");
  const { may, most, urls, words } = settings;
  const edits = new GridEdits(read("grid-state"));
  const signs = new Map(); // by text
  const problems = new Map(); // what the server has said is wrong with a text, by the key of its cell
  const root = document.getElementById("editor");
  const draftName = `grid-editor-${settings.grid}-${settings.user}`;
  const PAUSE = 200; // milliseconds without a key before the server is asked
  const PAGE = 10; // rows
  const LISTED = 20; // texts in a dialog
  const ASKED = 100; // questions at once
  let place = [0, 0]; // the row and the column in focus; those of the heads are 0
  let open = null; // the cell that is typed into
  let isSaving = false;

  // Elements: attributes, and texts or elements inside. All texts are untrusted, so none is ever read as HTML.
  const make = (name, attributes = {}, ...inside) => {
    const element = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) {
      if (attribute.startsWith("on")) {
        element.addEventListener(attribute.slice(2), value);
      } else if (value !== false && value !== undefined) {
        element.setAttribute(attribute, value === true ? "" : value);
      }
    }
    element.append(...inside);
    return element;
  };
  const button = (label, onclick, attributes = {}) => make("button", { type: "button", onclick, ...attributes }, label);
  const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const lengthOf = (text) => [...text].length;

  const status = make("p", { id: "editor-status", role: "status" });
  const unsaved = make("span", { id: "editor-unsaved" });
  const saveButton = button("Save", () => save(), { class: "button default", "aria-keyshortcuts": "Control+S" });
  const undoButton = button("Undo", () => travel("undo"), { class: "button", "aria-keyshortcuts": "Control+Z" });
  const redoButton = button("Redo", () => travel("redo"), { class: "button", "aria-keyshortcuts": "Control+Y" });
  const panel = make("section", { id: "editor-questions", "aria-label": "To be decided", hidden: true });
  const body = make("tbody");
  const head = make("thead");
  const table = make("table", { role: "grid", "aria-label": `Cells of ${settings.title}` }, head, body);
  const frame = make("div", { class: "frame" }, table);
  const hint = make("p", { class: "help" });
  let cells = []; // the elements, by row and column

  const say = (text, kind = "") => {
    status.className = kind;
    status.replaceChildren(...[text].flat());
  };

  // The server

  const cookie = () => {
    const pair = document.cookie.split("; ").find((each) => each.startsWith(`${settings.cookie}=`));
    return pair?.slice(settings.cookie.length + 1) ?? root.querySelector("[name=csrfmiddlewaretoken]").value;
  };

  // Posts JSON; returns the status and the JSON of the response. What is no JSON throws an error that says why.
  const post = async (url, data) => {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie() };
    let response;
    try {
      response = await fetch(url, { method: "POST", redirect: "manual", headers, body: JSON.stringify(data) });
    } catch {
      throw new Error("The server cannot be reached. Nothing is lost: try again.");
    }
    if (response.type === "opaqueredirect") {
      throw new Error("login");
    }
    if (!response.headers.get("Content-Type")?.includes("json")) {
      const isToken = response.status === 403;
      throw new Error(isToken ? "login" : `The server failed (${response.status}). Nothing is lost: try again.`);
    }
    return [response.status, await response.json()];
  };

  const complain = (error) => {
    if (error.message === "login") {
      const link = make("a", { href: urls.login, target: "_blank" }, "Log in in another tab");
      say(["Your session has ended. Nothing is lost: ", link, ", and then do this again here."], "errornote");
    } else {
      say(error.message, "errornote");
    }
  };

  // Asks for the signs of texts that are shown and not known yet.
  const askForSigns = async () => {
    const unknown = [...new Set(Object.values(edits.now.cells))].filter((text) => !signs.has(text));
    if (!unknown.length) {
      return;
    }
    try {
      const [code, found] = await post(urls.signs, { texts: unknown.slice(0, most.cells) });
      if (code === 200) {
        found.signs.forEach((each, index) => signs.set(unknown[index], each));
        renderCells();
      }
    } catch {
      // Signs are shown once the cells are saved.
    }
  };

  // The table

  const signOf = (text) => (text ? signs.get(text) : null);
  const learnSigns = () => {
    edits.base.texts.forEach((row, index) => row.forEach((text, column) => {
      if (text) {
        signs.set(text, edits.base.signs[index][column]);
      }
    }));
  };

  const problemOf = (feature, member) => {
    const length = lengthOf(edits.text(feature, member));
    const tooLong = `It has ${length.toLocaleString("en")} characters: at most ${most.characters.toLocaleString("en")}.`;
    return length > most.characters ? tooLong : problems.get(keyOf(feature, member)) ?? "";
  };

  const stateOf = (column, row) => {
    const states = [];
    if (edits.isChanged(column.ref, row.id)) {
      states.push("changed");
    }
    if (edits.isAsked(column.ref, row.id)) {
      states.push("question");
    }
    if (column.isGone || row.isGone) {
      states.push("gone");
    }
    if (edits.isChanged(column.ref, row.id) && problemOf(column.ref, row.id)) {
      states.push("wrong");
    }
    return states.join(" ");
  };

  const set = (element, name, value) => {
    if (value === "" || value === undefined) {
      element.removeAttribute(name);
    } else if (element.getAttribute(name) !== value) {
      element.setAttribute(name, value);
    }
  };

  const renderCell = (element, column, row) => {
    const text = edits.text(column.ref, row.id);
    const [inside] = element.childNodes;
    if (inside.textContent !== text) {
      inside.textContent = text;
    }
    const sign = signOf(text);
    set(element, "data-sign", sign === null || sign === undefined ? "" : `${sign > 0 ? "+" : ""}${sign}`);
    const state = stateOf(column, row);
    set(element, "class", state);
    const problem = state.includes("wrong") ? problemOf(column.ref, row.id) : "";
    const was = state.includes("changed") ? `was: ${edits.baseText(column.ref, row.id) || "nothing"}` : "";
    set(element, "title", [problem, was].filter(Boolean).join(" "));
    set(element, "aria-invalid", problem && "true");
    set(element, "aria-description", [state && state.replaceAll(" ", ", "), problem].filter(Boolean).join(": "));
  };

  const renderCells = () => {
    edits.rows.forEach((row, index) => edits.columns.forEach((column, number) => {
      const element = cells[index + 1][number + 1];
      if (element !== open?.element) {
        renderCell(element, column, row);
      }
    }));
  };

  const headOf = (attributes, each, label, act) => {
    const state = [each.isNew && "new", each.isChanged && "changed", each.isGone && "gone"].filter(Boolean).join(" ");
    const more = button("⋯", act, { tabindex: -1, "aria-label": `${label} “${each.title}”`, class: "more" });
    const name = make("div", {}, each.title);
    const description = state ? { "aria-description": state.replaceAll(" ", ", ") } : {};
    return make("th", { tabindex: -1, class: state || undefined, title: each.description || each.slug, ...description, ...attributes }, name, more);
  };

  // What the heads show: as long as it is the same, the table stays, of which 6,000 cells would be built anew.
  const headsNow = () => JSON.stringify([edits.columns, edits.rows], (name, value) => (name === "digest" ? undefined : value));
  let heads = "";

  // Shows what has changed.
  const render = () => {
    endTyping();
    if (heads === headsNow()) {
      renderCells();
      refresh();
    } else {
      build();
    }
  };

  const build = () => {
    heads = headsNow();
    const hadFocus = table.contains(document.activeElement);
    const corner = make("th", { tabindex: -1, scope: "col", role: "columnheader" }, make("div", {}, "Package"));
    const top = edits.columns.map((column) => headOf(
      { scope: "col", role: "columnheader" }, column, "Feature", () => showFeature(column.ref),
    ));
    const rows = edits.rows.map((row, index) => {
      const first = headOf({ scope: "row", role: "rowheader" }, row, "Member", () => showMember(row.id));
      const others = edits.columns.map((column, number) => {
        const element = make("td", { role: "gridcell", tabindex: -1, "aria-colindex": number + 2 }, make("div"));
        renderCell(element, column, row);
        return element;
      });
      return [make("tr", { role: "row", "aria-rowindex": index + 2 }, first, ...others), [first, ...others]];
    });
    cells = [[corner, ...top], ...rows.map(([, each]) => each)];
    head.replaceChildren(make("tr", { role: "row", "aria-rowindex": 1 }, corner, ...top));
    body.replaceChildren(...rows.map(([each]) => each));
    set(table, "aria-rowcount", String(cells.length));
    set(table, "aria-colcount", String(cells[0].length));
    table.style.setProperty("--columns", edits.columns.length);
    [place[0], place[1]] = [Math.min(place[0], cells.length - 1), Math.min(place[1], cells[0].length - 1)];
    here().tabIndex = 0;
    if (hadFocus) {
      here().focus();
    }
    refresh();
  };

  // Shows what is not saved yet, and what is to be decided.
  const refresh = () => {
    const waiting = edits.words;
    unsaved.textContent = waiting ? `Not saved: ${waiting}.` : "";
    const missing = [...(edits.columns.length ? [] : ["features"]), ...(edits.rows.length ? [] : ["members"])];
    hint.textContent = missing.length ? `This grid has no ${missing.join(" and no ")} yet.` : "";
    saveButton.disabled = isSaving || !edits.isDirty;
    undoButton.disabled = isSaving || !edits.past.length;
    redoButton.disabled = isSaving || !edits.future.length;
    showQuestions();
    storeDraft();
  };

  const here = () => cells[place[0]][place[1]];

  // Brings the focus to the table from a button that is gone, or that is of no use now.
  const keepFocus = () => {
    const { activeElement } = document;
    if (activeElement === document.body || activeElement?.disabled) {
      here().focus({ preventScroll: true });
    }
  };

  const cellHere = () => [edits.columns[place[1] - 1], edits.rows[place[0] - 1]];
  const isCell = () => place[0] > 0 && place[1] > 0;

  const goTo = (row, column) => {
    here().tabIndex = -1;
    place = [Math.max(0, Math.min(row, cells.length - 1)), Math.max(0, Math.min(column, cells[0].length - 1))];
    here().tabIndex = 0;
    here().focus();
  };

  // Typing into a cell

  const canType = () => {
    const [column, row] = cellHere();
    return may.cells && isCell() && !column.isGone && !row.isGone;
  };

  const openCell = (text) => {
    if (!canType()) {
      return;
    }
    const element = here();
    const [column, row] = cellHere();
    const area = make("textarea", { rows: 3, "aria-label": `${row.title}, ${column.title}` });
    const output = make("output", { "aria-live": "polite" });
    area.value = text ?? edits.text(column.ref, row.id);
    open = { element, area, output, feature: column.ref, member: row.id, shown: area.value, timer: 0 };
    if (text !== undefined) {
      open.shown = null; // whatever is typed takes the place of the text
    }
    element.append(area, output);
    element.classList.add("open");
    area.addEventListener("input", typed);
    area.addEventListener("blur", () => closeCell(true));
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
    typed();
  };

  const typed = () => {
    const { area, output, timer } = open;
    const length = lengthOf(area.value);
    const tooLong = length > most.characters;
    area.setAttribute("aria-invalid", String(tooLong));
    const sign = area.value ? signs.get(area.value) : null;
    if (tooLong) {
      output.textContent = `${length.toLocaleString("en")} characters: at most ${most.characters.toLocaleString("en")}`;
    } else {
      output.textContent = sign === undefined ? "…" : words[sign];
    }
    clearTimeout(timer);
    open.timer = sign === undefined && !tooLong ? setTimeout(askWhileTyping, PAUSE, open) : 0;
  };

  const askWhileTyping = async (typing) => {
    const text = typing.area.value;
    try {
      const [code, found] = await post(urls.signs, { texts: [text] });
      if (code === 200) {
        signs.set(text, found.signs[0]);
      }
    } catch {
      // It is shown once it is saved.
    }
    if (typing === open && typing.area.value === text) {
      typing.output.textContent = signs.has(text) ? words[signs.get(text)] : "";
    }
  };

  // Ends typing: the text is taken, or given up.
  const closeCell = (isTaken) => {
    if (!open) {
      return;
    }
    const { element, area, output, feature, member, shown, timer } = open;
    open = null;
    clearTimeout(timer);
    area.remove();
    output.remove();
    element.classList.remove("open");
    if (isTaken && area.value !== shown) {
      problems.delete(keyOf(feature, member));
      edits.setTexts([[feature, member, area.value]]);
      refresh();
      askForSigns();
    }
    const column = edits.columns.find((each) => each.ref === feature);
    const row = edits.rows.find((each) => each.id === member);
    if (column && row) {
      renderCell(element, column, row);
    }
  };

  // Takes what is typed before the table is shown anew.
  const endTyping = () => {
    if (open) {
      closeCell(true);
      here().focus();
    }
  };

  const whileTyping = (event) => {
    const { key, shiftKey, altKey, ctrlKey, isComposing } = event;
    if (isComposing) {
      return;
    }
    const [row, column] = place;
    if (key === "Escape") {
      event.preventDefault();
      closeCell(false);
      goTo(row, column);
    } else if (key === "Tab") {
      event.preventDefault();
      closeCell(true);
      step(shiftKey ? -1 : 1);
    } else if (key === "Enter" && (altKey || ctrlKey)) {
      event.preventDefault();
      open.area.setRangeText("\n", open.area.selectionStart, open.area.selectionEnd, "end");
      typed();
    } else if (key === "Enter" && !shiftKey) {
      event.preventDefault();
      closeCell(true);
      goTo(row + 1, column);
    }
  };

  // The keyboard in the table

  // Goes to the next cell or back, through the rows; false at the ends, where the focus leaves the table.
  const step = (by) => {
    const width = cells[0].length;
    const next = place[0] * width + place[1] + by;
    if (next < 0 || next >= cells.length * width) {
      return false;
    }
    goTo(Math.floor(next / width), next % width);
    return true;
  };

  const move = (key, far) => {
    const [row, column] = place;
    const [last, end] = [cells.length - 1, cells[0].length - 1];
    switch (key) {
      case "ArrowLeft": return [row, far ? 0 : column - 1];
      case "ArrowRight": return [row, far ? end : column + 1];
      case "ArrowUp": return [far ? 0 : row - 1, column];
      case "ArrowDown": return [far ? last : row + 1, column];
      case "Home": return [far ? 0 : row, 0];
      case "End": return [far ? last : row, end];
      case "PageUp": return [row - PAGE, column];
      case "PageDown": return [row + PAGE, column];
      default: return null;
    }
  };

  const act = () => {
    if (isCell()) {
      openCell();
    } else if (place[1] > 0) {
      showFeature(edits.columns[place[1] - 1].ref);
    } else if (place[0] > 0) {
      showMember(edits.rows[place[0] - 1].id);
    }
  };

  table.addEventListener("keydown", (event) => {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (open) {
      whileTyping(event);
      return;
    }
    const hasModifier = ctrlKey || metaKey || altKey;
    const target = altKey ? null : move(key, ctrlKey || metaKey);
    const isHandled = () => {
      if (target) {
        goTo(...target);
      } else if (altKey && place[0] === 0 && place[1] > 0 && may.order && (key === "ArrowLeft" || key === "ArrowRight")) {
        moveFeature(edits.columns[place[1] - 1].ref, key === "ArrowLeft" ? -1 : 1);
      } else if (key === "Tab" && !hasModifier) {
        return step(shiftKey ? -1 : 1);
      } else if ((key === "Enter" || key === "F2") && !hasModifier) {
        act();
      } else if (key === "Escape") {
        saveButton.disabled ? root.querySelector(".tools button:enabled")?.focus() : saveButton.focus();
      } else if ((key === "Delete" || key === "Backspace") && !hasModifier) {
        isCell() ? empty() : act();
      } else if (key.length === 1 && !hasModifier && isCell()) {
        openCell("");
        return false; // the key is typed into the cell
      } else {
        return false;
      }
      return true;
    };
    if (isHandled()) {
      event.preventDefault();
    }
  });

  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey) {
      return;
    }
    if (key === "s") {
      event.preventDefault();
      save();
    } else if ((key === "z" || key === "y") && !event.target.closest("input, textarea")) {
      event.preventDefault();
      travel(key === "y" || event.shiftKey ? "redo" : "undo");
    }
  });

  table.addEventListener("mousedown", (event) => {
    const element = event.target.closest("td, th");
    if (!element || element === open?.element || event.target.closest(".more")) {
      return;
    }
    const row = cells.findIndex((each) => each.includes(element));
    const column = cells[row].indexOf(element);
    const isAgain = document.activeElement === element;
    event.preventDefault();
    closeCell(true);
    goTo(row, column);
    if (isAgain || event.detail > 1) {
      act();
    }
  });

  const empty = () => {
    const [column, row] = cellHere();
    if (canType() && edits.setTexts([[column.ref, row.id, ""]])) {
      afterCells("Emptied the cell. Ctrl+Z brings the text back.");
    }
  };

  const afterCells = (text) => {
    renderCells();
    refresh();
    say(text);
    askForSigns();
  };

  const travel = (way) => {
    closeCell(true);
    if (!isSaving && edits[way]()) {
      render();
      say(way === "undo" ? "Taken back." : "Done again.");
      askForSigns();
      keepFocus();
    }
  };

  // Pasting and copying

  document.addEventListener("copy", (event) => {
    if (table.contains(document.activeElement) && !open && !String(document.getSelection())) {
      const [column, row] = isCell() ? cellHere() : [];
      event.clipboardData.setData("text/plain", column ? edits.text(column.ref, row.id) : here().firstChild.textContent);
      event.preventDefault();
    }
  });

  document.addEventListener("paste", (event) => {
    if (open || !table.contains(document.activeElement)) {
      return;
    }
    event.preventDefault();
    if (!may.cells) {
      return;
    }
    if (isCell()) {
      paste(event.clipboardData.getData("text/plain"));
    } else {
      say("Go to the cell that is the first to be filled, and paste there.", "errornote");
    }
  });

  // Fills cells to the right and below with a block of a spreadsheet, which the server reads.
  const paste = async (text) => {
    const [row, column] = [place[0] - 1, place[1] - 1];
    const lines = text.split(/\r\n|\r|\n/);
    const width = Math.max(...lines.map((line) => line.split("\t").length));
    const rows = edits.rows.slice(row, row + lines.length);
    const columns = edits.columns.slice(column, column + width);
    const shown = rows.map((each) => columns.map(({ ref }) => edits.text(ref, each.id)));
    let block;
    try {
      const [code, found] = await post(urls.paste, { text, shown });
      if (code !== 200) {
        throw new Error(found.detail);
      }
      block = found.texts;
    } catch (error) {
      complain(error);
      return;
    }
    fill(block, rows, columns);
  };

  const fill = (block, rows, columns) => {
    const counts = { new: 0, changed: 0, emptied: 0, same: 0, beyond: 0 };
    const changes = [];
    block.forEach((line, index) => line.forEach((text, number) => {
      const [row, column] = [rows[index], columns[number]];
      if (!row || !column || row.isGone || column.isGone) {
        counts.beyond += text ? 1 : 0;
        return;
      }
      const was = edits.text(column.ref, row.id);
      if (text === null || text === was) {
        counts.same += was ? 1 : 0;
        return;
      }
      counts[text && was ? "changed" : text ? "new" : "emptied"] += 1;
      problems.delete(keyOf(column.ref, row.id));
      changes.push([column.ref, row.id, text]);
    }));
    edits.setTexts(changes);
    const { beyond, same, ...others } = counts;
    const parts = Object.entries(others).filter(([, number]) => number).map(([what, number]) => `${number} ${what}`);
    const kept = same ? ` ${counted(same, "text")} stay as they are.` : "";
    const out = beyond ? ` There was no room for ${counted(beyond, "text")}, which went beyond the table: add members or features, and paste again.` : "";
    const done = parts.length ? `Pasted, not saved yet: ${parts.join(", ")}. Ctrl+Z takes it back.` : "Nothing differs.";
    afterCells(`${done}${kept}${out}`);
    status.className = beyond ? "errornote" : "";
  };

  // Features and members

  const texts = (part, ref) => {
    const found = edits.textsOf(part, ref);
    const items = found.slice(0, LISTED).map(([name, text]) => make("li", {}, make("b", {}, name), `: ${text}`));
    const more = found.length > LISTED ? [make("li", {}, `and ${counted(found.length - LISTED, "more text")}`)] : [];
    return [found.length, make("ul", { class: "going" }, ...items, ...more)];
  };

  const dialog = (title, ...inside) => {
    closeCell(true);
    const element = make("dialog", { class: "grid-dialog", "aria-label": title }, make("h2", {}, title), ...inside);
    element.addEventListener("close", () => {
      element.remove();
      here().focus();
    });
    root.append(element);
    element.showModal();
    return element;
  };

  // Asks before something goes, with the texts that go with it.
  const confirmation = (part, ref, what, act, close) => {
    const [number, list] = texts(part, ref);
    const label = number ? `${what} with ${counted(number, "cell")}` : what;
    const words = number ? `With it go ${counted(number, "cell")}:` : "No cell goes with it.";
    return make("details", {}, make("summary", {}, `${what} …`), make("p", {}, words), list, button(label, () => {
      act();
      close();
    }, { class: "button danger" }));
  };

  const showFeature = (ref) => {
    const column = edits.columns.find((each) => each.ref === ref);
    if (column) {
      goTo(0, edits.columns.indexOf(column) + 1);
    }
    const heading = column ? `Feature “${column.title}”` : "New feature";
    const title = make("input", { id: "feature-title", class: "vTextField", maxlength: most.title, required: true });
    const description = make("textarea", { id: "feature-description", rows: 3, maxlength: most.description });
    title.value = column?.title ?? "";
    description.value = column?.description ?? "";
    const canWrite = column?.isNew || !column ? may.created : may.features && !column.isGone;
    title.readOnly = description.readOnly = !canWrite;
    const close = () => element.close();
    const take = (event) => {
      event.preventDefault();
      const values = { title: title.value.trim(), description: description.value };
      if (canWrite && column) {
        edits.setFeature(ref, values);
      } else if (canWrite) {
        addFeature(values);
      }
      render();
      close();
    };
    const labelled = (label, field) => make("p", {}, make("label", { for: field.id }, label), field);
    const submit = make("button", { class: "button default" }, column ? "OK" : "Add");
    const buttons = [...(canWrite ? [submit] : []), button("Close", close, { class: "button" })];
    if (column && may.order && !column.isGone) {
      buttons.push(
        button("Move left", () => moveFeature(ref, -1), { class: "button" }),
        button("Move right", () => moveFeature(ref, 1), { class: "button" }),
      );
    }
    const form = make("form", { onsubmit: take }, labelled("Title:", title), labelled("Description:", description), make("p", { class: "buttons" }, ...buttons));
    const element = dialog(heading, form);
    const toggle = () => changeAndRender(() => edits.toggleFeature(ref), column.isGone ? `“${column.title}” stays.` : `“${column.title}” is deleted by the next save.`);
    if (column?.isGone) {
      element.append(button("Do not delete it", () => { toggle(); close(); }, { class: "button" }));
    } else if (column && (column.isNew || may.deleted)) {
      element.append(confirmation("feature", ref, "Delete", toggle, close));
    }
    title.focus();
  };

  const changeAndRender = (change, text) => {
    change();
    render();
    say(text);
  };

  const addFeature = (values) => {
    edits.addFeature(values);
    place = [0, edits.columns.length];
    render();
    here().scrollIntoView({ block: "nearest", inline: "nearest" });
    say(`Added the feature “${values.title}”, not saved yet.`);
  };

  const moveFeature = (ref, by) => {
    if (edits.move(ref, by)) {
      place = [place[0], edits.columns.findIndex((each) => each.ref === ref) + 1];
      render();
      const { title } = edits.columns[place[1] - 1];
      say(`“${title}” is feature ${place[1]} of ${edits.columns.length} now.`);
    }
  };

  const showMember = (id) => {
    const row = edits.rows.find((each) => each.id === id);
    goTo(edits.rows.indexOf(row) + 1, 0);
    const link = make("a", { href: urls.package.replace("/0/", `/${id}/`), target: "_blank" }, row.slug);
    const element = dialog(`Member “${row.title}”`, make("p", {}, "Its package: ", link));
    const close = () => element.close();
    const toggle = () => changeAndRender(() => edits.toggleMember(id), row.isGone ? `“${row.title}” stays.` : `“${row.title}” is removed by the next save.`);
    if (row.isGone) {
      element.append(button("Do not remove it", () => { toggle(); close(); }, { class: "button" }));
    } else if (row.isNew || may.removed) {
      element.append(confirmation("member", id, "Remove", toggle, close));
    }
    element.append(make("p", {}, button("Close", close, { class: "button" })));
  };

  // Members by name or by a list

  const names = make("datalist", { id: "editor-names" });
  const oneName = make("input", { id: "editor-name", list: "editor-names", autocomplete: "off", class: "vTextField" });
  const list = make("textarea", { id: "editor-list", rows: 6, "aria-describedby": "editor-list-help" });
  const unknown = make("div", { id: "editor-unknown", role: "status" });
  const adding = make(
    "section", { id: "editor-adding", "aria-label": "Add members", hidden: true },
    make("form", { onsubmit: (event) => { event.preventDefault(); lookUp([oneName.value], oneName); } },
      make("label", { for: "editor-name" }, "A package by name:"), " ", oneName, names, " ",
      make("button", { class: "button" }, "Add")),
    make("form", { onsubmit: (event) => { event.preventDefault(); lookUp(list.value.split("\n"), list); } },
      make("p", {}, make("label", { for: "editor-list" }, "Or a list:"), list),
      make("p", { class: "help", id: "editor-list-help" }, `A line for each: a title, a slug, the URL of a repository or a project on PyPI; ${most.lines} lines at most.`),
      make("p", {}, make("button", { class: "button default" }, "Look up and add"))),
    unknown,
  );
  let nameTimer = 0;
  oneName.addEventListener("input", () => {
    clearTimeout(nameTimer);
    nameTimer = setTimeout(async (term) => {
      const query = new URLSearchParams({ app_label: "grids", model_name: "gridpackage", field_name: "package", term });
      try {
        const response = await fetch(`${urls.autocomplete}?${query}`, { redirect: "error" });
        if (response.ok && oneName.value === term) {
          const { results } = await response.json();
          names.replaceChildren(...results.map((each) => make("option", { value: each.text })));
        }
      } catch {
        // No names are proposed then.
      }
    }, PAUSE, oneName.value);
  });

  const lookUp = async (lines, field) => {
    const wanted = lines.map((line) => line.trim()).filter(Boolean);
    if (!wanted.length) {
      field.focus();
      return;
    }
    if (wanted.length > most.lines) {
      say(`These are ${counted(wanted.length, "line")}: at most ${most.lines} at a time.`, "errornote");
      return;
    }
    try {
      const [code, found] = await post(urls.members, { lines: wanted });
      if (code !== 200) {
        throw new Error(found.detail);
      }
      take(found.lines, field);
    } catch (error) {
      complain(error);
    }
  };

  const take = (lines, field) => {
    const present = new Set(edits.rows.map((each) => each.id));
    const found = lines.filter((each) => each.package).map((each) => each.package);
    const added = [...new Map(found.map((each) => [each.id, each])).values()].filter((each) => !present.has(each.id));
    const there = found.filter((each) => present.has(each.id));
    edits.addMembers(added);
    const left = lines.filter((each) => !each.package);
    field.value = left.map((each) => each.text).join("\n");
    const items = left.map((each) => {
      const choices = each.near.map((near) => button(`${near.title} (${near.slug})`, () => {
        edits.addMembers([near]);
        field.value = field.value.split("\n").filter((line) => line.trim() !== each.text).join("\n");
        item.remove();
        render();
        (unknown.querySelector("button") ?? field).focus();
        say(`Added “${near.title}”, not saved yet.`);
      }, { class: "button" }));
      const item = make("li", {}, make("b", {}, each.text), `: ${each.why} `, ...(choices.length ? ["Add: ", ...choices] : []));
      return item;
    });
    unknown.replaceChildren(...(items.length ? [make("p", {}, `${counted(items.length, "line")} left:`), make("ul", {}, ...items)] : []));
    render();
    const already = there.length ? ` ${counted(there.length, "package")} ${there.length > 1 ? "are" : "is"} here already.` : "";
    const done = added.length ? `Added ${counted(added.length, "member")}, not saved yet.` : "Added none.";
    say(done + already, left.length && !added.length ? "errornote" : "");
    (left.length ? field : saveButton).focus();
  };

  // What both have changed

  const both = (label, mine, theirs, question) => {
    const decide = (isMine) => () => settleQuestions([question], isMine);
    const who = question.who || "somebody else";
    return make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, mine), make("td", {}, theirs, make("small", {}, ` (${who})`)),
      make("td", {}, button("Keep mine", decide(true), { class: "button", disabled: question.may === false }), " ", button("Take theirs", decide(false), { class: "button" })));
  };

  const nameOf = (feature, member) => [
    ...(member ? [edits.rows.find((each) => each.id === member)?.title] : []),
    ...(feature ? [edits.columns.find((each) => each.ref === feature)?.title] : []),
  ].map((each) => `“${each}”`).join(", ");

  const rowOf = (question) => {
    const { kind, feature, member, field } = question;
    const titles = (columns) => columns.map((each) => each.title).join(", ");
    switch (kind) {
      case "cell":
        return both(nameOf(feature, member), edits.text(feature, member) || "nothing", edits.baseText(feature, member) || "nothing", question);
      case "field":
        return both(`${nameOf(feature)}: ${field}`, edits.now.features[feature][field] || "nothing", edits.baseFeatures.get(feature)[field] || "nothing", question);
      case "order":
        return both("Order of the features", titles(edits.columns), titles(edits.base.features), question);
      case "deletion":
        return both(nameOf(feature, member), "goes", "stays: it was changed meanwhile", question);
      default: {
        const { named, cells: typedCells, part, may: canAdd } = question;
        const lines = typedCells.map((each) => make("li", {}, `${each.title}: ${each.text}`));
        const again = canAdd ? `add it again with ${counted(lines.length, "text")}` : "the package is deleted; these texts were typed";
        return both(`${part === "feature" ? "Feature" : "Member"} “${named.title}”`, make("div", {}, again, make("ul", {}, ...lines)), "deleted", question);
      }
    }
  };

  const settleQuestions = (questions, isMine) => {
    edits.decide(questions, isMine);
    render();
    const rest = edits.isDirty ? "save again" : "nothing is left to be saved";
    say(edits.now.questions.length ? "Decided." : `All is decided: ${rest}.`);
    askForSigns();
    (panel.querySelector("tbody button:enabled") ?? saveButton).focus();
    keepFocus();
  };

  const showQuestions = () => {
    const { questions } = edits.now;
    panel.hidden = !questions.length;
    if (panel.hidden) {
      panel.replaceChildren();
      return;
    }
    const heads = ["What", "Mine", "Theirs", "Decision"].map((each) => make("th", { scope: "col" }, each));
    const open = questions.filter((each) => each.may !== false);
    panel.replaceChildren(
      make("h2", {}, "Somebody else has changed this meanwhile"),
      make("p", {}, "The rest is saved. Nothing of this is lost: decide, and save again. ",
        button("Keep all of mine", () => settleQuestions(open, true), { class: "button" }), " ",
        button("Take all of theirs", () => settleQuestions(questions, false), { class: "button" })),
      make("div", { class: "results" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...questions.slice(0, ASKED).map(rowOf)))),
      ...(questions.length > ASKED ? [make("p", {}, `and ${(questions.length - ASKED).toLocaleString("en")} more.`)] : []),
    );
  };

  // Saving

  const save = async () => {
    closeCell(true);
    if (isSaving || !edits.isDirty) {
      say(edits.isDirty ? "Saving …" : "Nothing is to be saved.");
      return;
    }
    const { body: sent, left } = edits.request(settings.user, most);
    const isNothing = Object.entries(sent).every(([name, value]) => name === "user" || !value || !value.length) && !sent.order;
    if (isNothing && left) {
      say(`${counted(left, "text")} too long to be sent: shorten what is marked.`, "errornote");
      return;
    }
    if (isNothing) {
      say("Decide first what somebody else has changed meanwhile.", "errornote");
      panel.querySelector("button")?.focus();
      return;
    }
    isSaving = true;
    refresh();
    say("Saving …");
    try {
      receive(await post(urls.save, sent), sent, left);
    } catch (error) {
      complain(error);
    } finally {
      isSaving = false;
      refresh();
      keepFocus();
    }
  };

  const receive = ([code, found], sent, left) => {
    if (!found.state) {
      refused(found);
      return;
    }
    problems.clear();
    endTyping(); // of what is typed while the save was under way
    edits.settle(found, sent);
    learnSigns();
    render();
    writeDraft(); // what is saved must not be offered again
    askForSigns();
    const asked = edits.now.questions.length;
    const done = found.words || !asked ? `Saved: ${found.words || "nothing differs any more"}.` : "Nothing is saved.";
    const more = left ? ` ${counted(left, "cell")} did not fit into one save: save again.` : "";
    const conflicts = asked ? ` ${counted(asked, "thing")} somebody else has changed meanwhile: decide below.` : "";
    say(`${done}${more}${conflicts}`, code === 200 && !left ? "success" : "errornote");
  };

  const refused = (found) => {
    settings.user = found.user ?? settings.user;
    problems.clear();
    const items = (found.places ?? []).map(({ feature, package: member, field, message }) => {
      if (member) {
        problems.set(keyOf(feature, member), message);
      }
      return make("li", {}, `${nameOf(feature, member)}${field ? `, ${field}` : ""}: ${message}`);
    });
    renderCells();
    say([found.detail, ...(items.length ? [make("ul", {}, ...items)] : [])], "errornote");
  };

  window.addEventListener("beforeunload", (event) => {
    const isTyped = open && open.area.value !== open.shown && (open.shown !== null || open.area.value);
    if (edits.isDirty || isTyped) {
      event.preventDefault();
    }
  });

  // The draft: what is not saved survives a crash of the browser

  let draftTimer = 0;
  let isOffered = false; // a draft that stays until it is decided about
  let isOurs = false; // the draft that there is, not that of another tab
  const storeDraft = () => {
    clearTimeout(draftTimer);
    draftTimer = setTimeout(writeDraft, 1_000);
  };

  const writeDraft = () => {
    clearTimeout(draftTimer);
    if (isOffered) {
      return;
    }
    try {
      if (edits.isDirty) {
        localStorage.setItem(draftName, JSON.stringify({ at: Date.now(), ...edits.draft }));
        isOurs = true;
      } else if (isOurs) {
        localStorage.removeItem(draftName);
        isOurs = false;
      }
    } catch {
      // No room, or not allowed: there is no draft then.
    }
  };
  window.addEventListener("pagehide", writeDraft);

  const offerDraft = () => {
    let draft = null;
    try {
      draft = JSON.parse(localStorage.getItem(draftName));
    } catch {
      return;
    }
    if (!draft) {
      return;
    }
    isOffered = true;
    const offer = make("p", { class: "errornote" }, `On ${new Date(draft.at).toLocaleString()} changes of this grid were left unsaved in this browser. `,
      button("Bring them back", () => {
        closeCell(true);
        if (edits.isDirty) {
          say("Save first what you have changed on this page, or take it back: then these can come back.", "errornote");
          return;
        }
        offer.remove();
        isOffered = false;
        isOurs = true;
        edits.restore(draft);
        render();
        askForSigns();
        keepFocus();
      }, { class: "button" }), " ",
      button("Forget them", () => {
        offer.remove();
        isOffered = false;
        localStorage.removeItem(draftName);
        keepFocus();
      }, { class: "button" }));
    root.prepend(offer);
  };

  // The page

  const keys = make("details", { class: "keys" }, make("summary", {}, "Keys"), make("dl", {}, ...[
    ["Arrows, Tab, Home, End, Page up, Page down", "move; with Ctrl to the end of the row or column"],
    ["Enter, F2, or typing", "edit a cell; on a head: the feature or the member"],
    ["Enter, Tab", "take the text; Alt+Enter or Shift+Enter: a line break; Escape: give it up"],
    ["Delete", "empty the cell"],
    ["Ctrl+C, Ctrl+V", "copy a text; paste a block of a spreadsheet to the right and below"],
    ["Alt+Left, Alt+Right", "on the head of a feature: move it"],
    ["Ctrl+Z, Ctrl+Y", "undo and redo what is not saved"],
    ["Ctrl+S", "save"],
    ["Escape", "leave the table"],
  ].flatMap(([key, meaning]) => [make("dt", {}, key), make("dd", {}, meaning)])));

  const toggleAdding = (isOpen) => {
    adding.hidden = !isOpen;
    set(addMembers, "aria-expanded", String(isOpen));
    if (isOpen) {
      list.focus();
    }
  };
  const addMembers = button("Add members", () => toggleAdding(adding.hidden), { class: "button", "aria-expanded": "false", "aria-controls": "editor-adding" });
  const tools = make("div", { class: "tools" });
  if (Object.values(may).some(Boolean)) {
    tools.append(saveButton, undoButton, redoButton);
    if (may.created) {
      tools.append(button("Add feature", () => showFeature(null), { class: "button" }));
    }
    if (may.added) {
      tools.append(addMembers);
    }
    tools.append(unsaved);
  }
  root.append(tools, status, panel, adding, frame, hint, keys);
  learnSigns();
  render();
  offerDraft();
  if (may.added && !edits.rows.length) {
    toggleAdding(true);
  }
}
