"use strict";

// The page may only talk to the origin that serves it, so "Try it out" does too,
// whatever servers the document names.
function keepToThisOrigin(response) {
  if (new URL(response.url, location.href).pathname === "/openapi.json" && response.ok) {
    const description = JSON.parse(response.text);
    description.servers = [{ url: "/", description: "The server of this page" }];
    response.text = JSON.stringify(description);
  }
  return response;
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
