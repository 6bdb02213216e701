// A client that openapi-fetch makes of the types that openapi-typescript generates, run against the service:
// `node walk.js URL` prints what it has read as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Package = components["schemas"]["Package"];

declare const process: { argv: string[] };
const baseUrl = process.argv[2];
const client = createClient<paths, "application/json">({
  baseUrl,
  querySerializer: { array: { style: "form", explode: false } },
});

// What a response holds; an error of the API is thrown.
function held<T>(response: { data?: T; error?: unknown }): T {
  if (response.data === undefined) throw new Error(JSON.stringify(response.error));
  return response.data;
}

async function walk(): Promise<string[]> {
  const slugs: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: { cursor: string; limit: number } = { cursor, limit: 30 };
    const page: components["schemas"]["PaginatedPackageList"] = held(await client.GET("/api/v4/packages/", { params: { query } }));
    slugs.push(...page.results.map((each: Package) => each.slug));
    cursor = page.next && new URL(page.next).searchParams.get("cursor");
  }
  return slugs;
}

async function full(reference: string): Promise<Package> {
  const query = { fields: ["all" as const], expand: ["category" as const, "grids" as const] };
  return held(await client.GET("/api/v4/packages/{reference}/", { params: { path: { reference }, query } }));
}

// The sign that a package has in each row of a comparison; every form of a value is told from the others by its type.
function signs(comparison: components["schemas"]["Comparison"]): string[] {
  return comparison.rows.flatMap((row) =>
    row.values.map((value) => {
      if (value === null || typeof value !== "object") return typeof value;
      if (Array.isArray(value)) return "list";
      return "verdict" in value ? value.level : String(value.sign);
    }),
  );
}

const one = await full("djangorestframework");
const category: string = typeof one.category === "string" ? one.category : one.category.slug;
const [hit] = held(await client.GET("/api/v4/search/", { params: { query: { q: "rest framework" } } }));
const packages = "django-filter,ralph";
const compared = held(await client.GET("/api/v4/compare/", { params: { query: { packages, columns: ["health", "licence"] } } }));
const missing = await client.GET("/api/v4/grids/{reference}/", { params: { path: { reference: "no-such" } } });
const wrong = await client.GET("/api/v4/packages/", { params: { query: { limit: 100_000 } } });
const badge = await client.GET("/api/v4/packages/{reference}/badge.json", { params: { path: { reference: "ralph" } } });

const read = {
  slugs: await walk(),
  category,
  verdict: one.health?.verdict,
  value: one.health?.reasons[0]?.value,
  hit: hit.slug,
  compared: signs(compared),
  missing: missing.error?.detail,
  wrong: (wrong.error as components["schemas"]["Mistakes"]).limit,
  color: held(badge).color.length,
};
console.log(JSON.stringify(read));
