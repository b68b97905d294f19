// An identity provider that shares no line with Mailwright: oauth2-mock-server, told who signs in.
//
//   node idp.mjs MODULE LOGIN
//
// Prints `issuer URL` when it listens on 127.0.0.1, and for each token `issued GRANT TOKEN`. Ends
// when its standard input does.

const [module, login] = process.argv.slice(2);
const { OAuth2Server } = await import(module);

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
await server.start(0, "127.0.0.1");
const issuer = server.issuer.url;

let granted = "";
server.service.on("beforeAuthorizeRedirect", ({ url }, request) => {
  granted = request.query.scope;
  url.searchParams.set("iss", issuer); // RFC 9207
});
server.service.on("beforeTokenSigning", ({ payload }) => {
  payload.preferred_username = login;
  if ("scope" in payload) payload.scope = granted;
});
server.service.on("beforeResponse", ({ body }, request) => {
  // It would repeat the scope of the token request, where RFC 6749 §4.1.3 has none.
  body.scope = granted;
  console.log("issued", request.body.grant_type, body.access_token);
});

console.log("issuer", issuer);
process.stdin.on("end", () => process.exit()).resume();
