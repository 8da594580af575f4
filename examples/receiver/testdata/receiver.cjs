// A receiver that verifies webhooks by libraries that others have made. It is started by
// interop_test.go:
//
//	SECRETS="whsec_… whsec_…" node receiver.cjs FOLDER
//
// FOLDER has the libraries in its node_modules. It prints its port. A request to
// /svix/1 is verified by the library svix with the second secret, and one to
// /svix/1/tampered after a byte of its body was changed.
const http = require("node:http");
const { createRequire } = require("node:module");

const load = createRequire(process.argv[2] + "/");
const secrets = process.env.SECRETS.split(" ");

const server = http.createServer(async (req, res) => {
  const [, library, secret, tampered] = req.url.split("/");
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (tampered) body[body.length - 2] ^= 1;
  try {
    const { Webhook } = load(library);
    new Webhook(secrets[secret]).verify(body.toString(), req.headers);
    res.writeHead(204).end();
  } catch (error) {
    res.writeHead(400).end(String(error.message));
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
