// What an editor has changed of a grid and not saved yet, beside the grid as the server has it (the base). A feature is
// named by its id, a new one by its key ("new-1"); a member by the id of its package; a cell by both ("3|2647").
"use strict";

const keyOf = (feature, member) => `${feature}|${member}`;
const partsOf = (key) => {
  const [feature, member] = key.split("|");
  return [feature.startsWith("new-") ? feature : Number(feature), Number(member)];
};
const lineEnds = (text) => text.replace(/\r\n?/g, "\n");

class GridEdits {
  constructor(state) {
    this.now = GridEdits.nothing();
    this.past = []; // as JSON
    this.future = [];
    this.renamed = {}; // keys of features that are saved, with their ids
    this.setBase(state);
  }

  static nothing() {
    return {
      cells: {}, features: {}, created: [], deleted: [], order: null, added: [], removed: [], questions: [], keys: 0,
    };
  }

  setBase(state) {
    this.base = state;
    this.baseFeatures = new Map(state.features.map((each) => [each.id, each]));
    this.baseMembers = new Map(state.members.map((each) => [each.id, each]));
    this.baseTexts = new Map();
    state.members.forEach((member, row) => {
      state.features.forEach((feature, column) => {
        if (state.texts[row][column]) {
          this.baseTexts.set(keyOf(feature.id, member.id), state.texts[row][column]);
        }
      });
    });
    this.arrange();
  }

  // The columns and rows as the page shows them, deleted ones too: they stay there until they are saved.
  arrange() {
    const { now, base } = this;
    const created = new Map(now.created.map((each) => [each.key, each]));
    const refs = [...base.features.map((each) => each.id), ...created.keys()];
    const order = (now.order ?? refs).filter((ref) => created.has(ref) || this.baseFeatures.has(ref));
    this.columns = [...order, ...refs.filter((ref) => !order.includes(ref))].map((ref) => ({
      ref,
      title: "",
      description: "",
      ...(created.get(ref) ?? { ...this.baseFeatures.get(ref), ...now.features[ref] }),
      isNew: created.has(ref),
      isGone: now.deleted.includes(ref),
      isChanged: created.has(ref) || ref in now.features,
    }));
    this.rows = [
      ...base.members.map((each) => ({ ...each, isNew: false, isGone: now.removed.includes(each.id) })),
      ...now.added.map((each) => ({ ...each, isNew: true, isGone: false })),
    ];
    const asked = now.questions.filter((each) => each.kind === "cell");
    this.asked = new Set(asked.map((each) => keyOf(each.feature, each.member)));
  }

  // The feature as it is named now: what the page has asked for may come after a save.
  current(ref) {
    return this.now.created.some((each) => each.key === ref) ? ref : this.renamed[ref] ?? ref;
  }

  baseText(feature, member) {
    return this.baseTexts.get(keyOf(feature, member)) ?? "";
  }

  text(feature, member) {
    return this.now.cells[keyOf(feature, member)] ?? this.baseText(feature, member);
  }

  isChanged(feature, member) {
    return keyOf(feature, member) in this.now.cells;
  }

  isAsked(feature, member) {
    return this.asked.has(keyOf(feature, member));
  }

  question(part) {
    return this.now.questions.find((each) => Object.entries(part).every(([name, value]) => each[name] === value));
  }

  // The texts that go with a feature or a member: [name of the other side, text].
  textsOf(part, ref) {
    const others = part === "feature" ? this.rows : this.columns;
    return others
      .map((each) => [each.title, part === "feature" ? this.text(ref, each.id) : this.text(each.ref, ref)])
      .filter(([, text]) => text);
  }

  // Changes what is not saved, as one step that undo() takes back.
  step(change) {
    const before = JSON.stringify(this.now);
    change(this.now);
    this.tidy();
    const after = JSON.stringify(this.now);
    if (after !== before) {
      this.past.push(before);
      this.past.splice(0, this.past.length - 100);
      this.future = [];
    }
    return after !== before;
  }

  travel(from, to) {
    if (!from.length) {
      return false;
    }
    to.push(JSON.stringify(this.now));
    this.now = JSON.parse(from.pop());
    this.arrange();
    return true;
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  setTexts(texts) {
    return this.step((now) => {
      for (const [ref, member, text] of texts) {
        const feature = this.current(ref);
        now.cells[keyOf(feature, member)] = text;
        now.questions = now.questions.filter(
          (each) => each.kind !== "cell" || each.feature !== feature || each.member !== member,
        );
      }
    });
  }

  setFeature(named, values) {
    const ref = this.current(named);
    return this.step((now) => {
      const created = now.created.find((each) => each.key === ref);
      if (created) {
        Object.assign(created, values);
      } else {
        now.features[ref] = { ...now.features[ref], ...values };
        now.questions = now.questions.filter((each) => each.kind !== "field" || each.feature !== ref);
      }
    });
  }

  addFeature(values) {
    let key = "";
    this.step((now) => {
      key = this.create(now, values);
    });
    return key;
  }

  create(now, { title, description }) {
    now.keys += 1;
    const key = `new-${now.keys}`;
    now.created.push({ key, title, description });
    now.order?.push(key);
    return key;
  }

  move(named, by) {
    const ref = this.current(named);
    return this.step((now) => {
      const order = this.columns.map((each) => each.ref);
      const place = order.indexOf(ref);
      if (place + by >= 0 && place + by < order.length) {
        order.splice(place, 1);
        order.splice(place + by, 0, ref);
        now.order = order;
        now.questions = now.questions.filter((each) => each.kind !== "order");
      }
    });
  }

  // Deletes a feature, or takes that back.
  toggleFeature(named) {
    const ref = this.current(named);
    return this.step((now) => {
      now.created = now.created.filter((each) => each.key !== ref);
      if (this.baseFeatures.has(ref)) {
        this.toggle(now, "deleted", ref);
      }
      now.questions = now.questions.filter((each) => each.kind !== "deletion" || each.feature !== ref);
    });
  }

  toggleMember(id) {
    return this.step((now) => {
      now.added = now.added.filter((each) => each.id !== id);
      if (this.baseMembers.has(id)) {
        this.toggle(now, "removed", id);
      }
      now.questions = now.questions.filter((each) => each.kind !== "deletion" || each.member !== id);
    });
  }

  toggle(now, part, id) {
    now[part] = now[part].includes(id) ? now[part].filter((each) => each !== id) : [...now[part], id];
  }

  addMembers(members) {
    return this.step((now) => {
      for (const { id, title, slug } of members) {
        if (!this.baseMembers.has(id) && !now.added.some((each) => each.id === id)) {
          now.added.push({ id, title, slug });
        }
      }
    });
  }

  // Drops what is as the base has it by now, and what is typed into what is new and was taken back.
  tidy() {
    const { now } = this;
    const created = new Set(now.created.map((each) => each.key));
    const added = new Set(now.added.map((each) => each.id));
    for (const [key, text] of Object.entries(now.cells)) {
      const [feature, member] = partsOf(key);
      const isThere = (created.has(feature) || this.baseFeatures.has(feature))
        && (added.has(member) || this.baseMembers.has(member));
      if (!isThere || lineEnds(text) === lineEnds(this.baseText(feature, member))) {
        delete now.cells[key];
      }
    }
    for (const [id, values] of Object.entries(now.features)) {
      const feature = this.baseFeatures.get(Number(id));
      for (const name of Object.keys(values)) {
        if (lineEnds(values[name]) === lineEnds(feature?.[name] ?? "")) {
          delete values[name];
        }
      }
      if (!Object.keys(values).length || !feature) {
        delete now.features[id];
      }
    }
    now.deleted = now.deleted.filter((id) => this.baseFeatures.has(id));
    now.removed = now.removed.filter((id) => this.baseMembers.has(id));
    now.added = now.added.filter((each) => !this.baseMembers.has(each.id));
    const refs = [...this.base.features.map((each) => each.id), ...created];
    now.order = now.order?.filter((ref) => refs.includes(ref)) ?? null;
    if (now.order && now.order.join() === refs.filter((ref) => now.order.includes(ref)).join()) {
      now.order = null;
    }
    now.questions = now.questions.filter((each) => this.isOpen(each));
    this.arrange();
  }

  isOpen(question) {
    const { now } = this;
    switch (question.kind) {
      case "cell": return keyOf(question.feature, question.member) in now.cells;
      case "field": return question.field in (now.features[question.feature] ?? {});
      case "order": return now.order !== null;
      case "deletion": return now.deleted.includes(question.feature) || now.removed.includes(question.member);
      default: return true;
    }
  }

  get isDirty() {
    return JSON.stringify({ ...this.now, keys: 0 }) !== JSON.stringify(GridEdits.nothing());
  }

  // The body of a request, `most` bytes at most, and the number of cells for which there is no room in it. What somebody
  // else has changed meanwhile is not in it before it is decided.
  request(user, most) {
    const { now } = this;
    const body = { user, cells: [], features: [], created: [], deleted: [], order: null, added: [], removed: [] };
    const goes = (part) => !this.question({ kind: "deletion", ...part });
    body.deleted = now.deleted.filter((feature) => goes({ feature })).map((id) => this.withDigest("baseFeatures", id));
    body.removed = now.removed.filter((member) => goes({ member })).map((id) => this.withDigest("baseMembers", id));
    body.created = now.created.map(({ key, title, description }) => ({ key, title, description }));
    body.added = now.added.map((each) => each.id);
    for (const [id, values] of Object.entries(now.features)) {
      const feature = Number(id);
      const fields = Object.entries(values).filter(([field]) => !this.question({ kind: "field", feature, field }));
      if (fields.length && !now.deleted.includes(feature)) {
        const was = this.baseFeatures.get(feature);
        const changed = fields.map(([name, text]) => [name, { text, was: was[name] }]);
        body.features.push({ id: feature, ...Object.fromEntries(changed) });
      }
    }
    if (now.order && !this.question({ kind: "order" })) {
      const to = this.columns.map((each) => each.ref); // deleted ones too, which may have to stay
      body.order = { to, was: this.base.features.map((each) => each.id) };
    }
    return { body, left: this.addCells(body, most) };
  }

  withDigest(part, id) {
    return { id, digest: this[part].get(id).digest };
  }

  addCells(body, { bytes, cells }) {
    const encoder = new TextEncoder();
    let room = bytes - 1_000 - encoder.encode(JSON.stringify(body)).length;
    let left = 0;
    for (const [key, text] of Object.entries(this.now.cells)) {
      const [feature, member] = partsOf(key);
      const isGone = this.now.deleted.includes(feature) || this.now.removed.includes(member);
      if (isGone || this.isAsked(feature, member)) {
        continue;
      }
      const cell = { feature, package: member, text, was: this.baseText(feature, member) };
      room -= encoder.encode(JSON.stringify(cell)).length + 1;
      if (room > 0 && body.cells.length < cells) {
        body.cells.push(cell);
      } else {
        left += 1;
      }
    }
    return left;
  }

  // Takes the server's response to a save of what was sent: the grid as it is now, and what it did not write.
  settle({ state, created, conflicts }, sent) {
    const known = { columns: new Map(this.columns.map((each) => [each.ref, each])), rows: this.rows };
    this.takeBack(sent, created);
    this.rename(created);
    this.setBase(state);
    this.drop(sent, conflicts);
    this.lose(known, conflicts);
    for (const { kind, feature, package: member, field, who } of conflicts) {
      if (kind === "text") {
        this.now.questions.push(field ? { kind: "field", feature, field, who } : { kind: "cell", feature, member, who });
      } else if (kind === "deletion" || kind === "order") {
        this.now.questions.push({ kind, feature, member, who });
      }
    }
    this.tidy();
    this.past = [];
    this.future = [];
  }

  // Keeps what was taken back while the save was under way as a change of what is saved now.
  takeBack(sent, created) {
    const { now } = this;
    for (const { feature, package: member, was } of sent.cells) {
      now.cells[keyOf(feature, member)] ??= was;
    }
    for (const { id, ...fields } of sent.features) {
      for (const [name, { was }] of Object.entries(fields)) {
        now.features[id] = { [name]: was, ...now.features[id] };
      }
    }
    const isNew = (key) => now.created.some((each) => each.key === key);
    now.deleted.push(...Object.keys(created).filter((key) => !isNew(key)).map((key) => created[key]));
    now.removed.push(...sent.added.filter((id) => !now.added.some((each) => each.id === id)));
  }

  // Drops the titles and descriptions that are written, in whatever spelling the server has stored them.
  drop(sent, conflicts) {
    for (const { id, ...fields } of sent.features) {
      for (const [name, { text }] of Object.entries(fields)) {
        const isLeft = conflicts.some((each) => each.feature === id && !each.package && (each.field ?? name) === name);
        if (!isLeft && this.now.features[id]?.[name] === text) {
          delete this.now.features[id][name];
        }
      }
    }
  }

  // Names what was new and is saved by its id.
  rename(created) {
    const { now } = this;
    Object.assign(this.renamed, created);
    now.created = now.created.filter((each) => !(each.key in created));
    now.order = now.order?.map((ref) => created[ref] ?? ref) ?? null;
    now.cells = Object.fromEntries(
      Object.entries(now.cells).map(([key, text]) => {
        const [feature, member] = partsOf(key);
        return [keyOf(created[feature] ?? feature, member), text];
      }),
    );
  }

  // Moves what was typed into features and members that somebody else has deleted to questions; what was to be deleted
  // anyway goes.
  lose({ columns, rows }, conflicts) {
    const { now } = this;
    const gone = conflicts.filter((each) => each.kind === "gone");
    const deleted = new Set(gone.filter((each) => each.package && !each.feature).map((each) => each.package));
    now.added = now.added.filter((each) => !deleted.has(each.id));
    const created = new Set(now.created.map((each) => each.key));
    const added = new Set(now.added.map((each) => each.id));
    const lost = new Map();
    const keep = (part, ref, named) => {
      const who = gone.find((each) => each[part === "feature" ? "feature" : "package"] === ref)?.who ?? "";
      const id = `${part} ${ref}`;
      if (!lost.has(id)) {
        lost.set(id, { kind: "lost", part, ref, named, who, cells: [], may: part === "feature" || !deleted.has(ref) });
      }
      return lost.get(id);
    };
    for (const [ref, values] of Object.entries(now.features)) {
      const feature = columns.get(Number(ref));
      if (!this.baseFeatures.has(Number(ref)) && feature && !now.deleted.includes(feature.ref)) {
        keep("feature", feature.ref, { title: feature.title, description: feature.description, ...values });
      }
    }
    for (const [key, text] of Object.entries(now.cells)) {
      const [feature, member] = partsOf(key);
      const column = columns.get(feature);
      const row = rows.find((each) => each.id === member);
      if (now.deleted.includes(feature) || now.removed.includes(member)) {
        continue;
      }
      if (column && !this.baseFeatures.has(feature) && !created.has(feature)) {
        const { title, description } = column;
        keep("feature", feature, { title, description }).cells.push({ other: member, title: row?.title, text });
      } else if (row && !this.baseMembers.has(member) && !added.has(member)) {
        const named = { id: row.id, title: row.title, slug: row.slug };
        keep("member", member, named).cells.push({ other: feature, title: column?.title, text });
      }
    }
    now.questions.push(...lost.values());
  }

  // Decides questions: mine, or what somebody else wrote.
  decide(questions, mine) {
    return this.step((now) => {
      for (const question of questions) {
        this.answer(now, question, mine);
      }
      now.questions = now.questions.filter((each) => !questions.includes(each));
    });
  }

  answer(now, { kind, feature, member, field, part, named, cells, may }, mine) {
    if (kind === "lost" && mine && may) {
      const ref = part === "feature" ? this.create(now, named) : named.id;
      if (part === "member") {
        now.added.push(named);
      }
      for (const { other, text } of cells) {
        now.cells[part === "feature" ? keyOf(ref, other) : keyOf(other, ref)] = text;
      }
    } else if (mine) {
      return;
    } else if (kind === "cell") {
      delete now.cells[keyOf(feature, member)];
    } else if (kind === "field") {
      delete now.features[feature][field];
    } else if (kind === "order") {
      now.order = null;
    } else if (kind === "deletion") {
      now.deleted = now.deleted.filter((each) => each !== feature);
      now.removed = now.removed.filter((each) => each !== member);
    }
  }

  // The number of things that are not saved, in words.
  get words() {
    const { now } = this;
    const counted = (number, noun) => (number ? [`${number.toLocaleString("en")} ${noun}${number > 1 ? "s" : ""}`] : []);
    const features = Object.keys(now.features).length + now.created.length + now.deleted.length;
    return [
      ...counted(Object.keys(now.cells).length, "cell"),
      ...counted(features, "feature"),
      ...(now.order ? ["the order"] : []),
      ...counted(now.added.length + now.removed.length, "member"),
      ...counted(now.questions.length, "question"),
    ].join(", ");
  }

  // What a browser stores of all this, and what it was based on.
  get draft() {
    const was = Object.keys(this.now.cells).map((key) => [key, this.baseTexts.get(key) ?? ""]);
    const fields = Object.keys(this.now.features).map((id) => [id, this.baseFeatures.get(Number(id))]);
    const digests = (part, ids) => ids.map((id) => [id, this[part].get(id).digest]);
    return {
      now: this.now,
      cells: Object.fromEntries(was),
      features: Object.fromEntries(fields),
      order: this.base.features.map((each) => each.id),
      digests: [digests("baseFeatures", this.now.deleted), digests("baseMembers", this.now.removed)],
      columns: this.columns,
      rows: this.rows,
    };
  }

  // Takes a draft: what somebody else has changed since becomes a question, as it does when it is saved.
  restore(draft) {
    this.step((now) => {
      Object.assign(now, draft.now);
      const known = { columns: new Map(draft.columns.map((each) => [each.ref, each])), rows: draft.rows };
      this.lose(known, []);
      const ask = (question) => this.question(question) ?? now.questions.push({ ...question, who: "" });
      for (const [key, was] of Object.entries(draft.cells)) {
        const [feature, member] = partsOf(key);
        if (was !== this.baseText(feature, member)) {
          ask({ kind: "cell", feature, member });
        }
      }
      for (const [id, was] of Object.entries(draft.features)) {
        const base = this.baseFeatures.get(Number(id));
        for (const field of Object.keys(now.features[id] ?? {})) {
          if (base && base[field] !== was[field]) {
            ask({ kind: "field", feature: Number(id), field });
          }
        }
      }
      const [features, members] = draft.digests;
      features.filter(([id, digest]) => this.baseFeatures.get(id)?.digest !== digest)
        .forEach(([feature]) => ask({ kind: "deletion", feature }));
      members.filter(([id, digest]) => this.baseMembers.get(id)?.digest !== digest)
        .forEach(([member]) => ask({ kind: "deletion", member }));
      if (now.order && draft.order.join() !== this.base.features.map((each) => each.id).join()) {
        ask({ kind: "order" });
      }
    });
  }
}
