"use strict";

// The page may only talk to the origin that serves it, so "Try it out" does too,
// whatever servers the document names.
function keepToThisOrigin(response) {
  if (new URL(response.url, location.href).pathname === "/openapi.json" && response.ok) {
    const description = JSON.parse(response.text);
    description.servers = [{ url: "/", description: "The server of this page" }];
    leaveOptionalEmpty(description);
    response.text = JSON.stringify(description);
  }
  return response;
}

// "Try it out" fills in examples, and all filters at once would find nothing: they are told instead.
function leaveOptionalEmpty(description) {
  for (const operation of Object.values(description.paths).flatMap(Object.values)) {
    for (const parameter of operation.parameters ?? []) {
      if (!parameter.required && "example" in parameter.schema) {
        parameter.description += ` Example: \`${parameter.schema.example}\``;
        delete parameter.schema.example;
      }
    }
  }
}

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  layout: "BaseLayout",
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: true,
  requestSnippetsEnabled: true,
  requestSnippets: { defaultExpanded: true },
  responseInterceptor: keepToThisOrigin,
});
