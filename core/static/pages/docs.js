"use strict";

// Swagger UI logs an error of each _ in an address.
function withoutUnderscores(schema) {
  for (const operations of Object.values(schema.paths ?? {})) {
    for (const operation of Object.values(operations)) {
      operation.operationId = operation.operationId.replaceAll("_", "-");
    }
  }
  return schema;
}

const addresses = () => ({
  statePlugins: {
    spec: { wrapActions: { updateJsonSpec: (update) => (schema) => update(withoutUnderscores(schema)) } },
  },
});

const docs = document.getElementById("swagger-ui");
SwaggerUIBundle({
  domNode: docs,
  url: docs.dataset.schema,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [addresses],
  layout: "BaseLayout",
  deepLinking: true,
  supportedSubmitMethods: ["get"],
  validatorUrl: null, // it would send the address of the schema to another host
});
