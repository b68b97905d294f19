// nodemailer's pool: hands `count` finished messages over and prints the seconds from the first call
// to the last answer. Nothing is composed while the clock runs, and a connection takes a hundred
// messages, nodemailer's default.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, asked] = process.argv.slice(2);
const nodemailer = createRequire(`${modules}/`)('nodemailer');
const { host, port, connections, count, bytes, authority, logs_in, from, to } = JSON.parse(asked);

const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: connections,
  host,
  port,
  secure: false,
  requireTLS: authority !== null,
  ignoreTLS: authority === null,
  tls: authority === null ? undefined : { ca: readFileSync(authority) },
  auth: logs_in ? { user: from, pass: 'anything' } : undefined,
});

const head = `From: ${from}\r\nTo: ${to}\r\nSubject: News\r\nMIME-Version: 1.0\r\n\r\n`;
const line = 'The quick brown fox jumps over the lazy dog, and is paid for it.\r\n';
const raw = Buffer.from((head + line.repeat(Math.ceil(bytes / line.length))).slice(0, bytes));

const begin = process.hrtime.bigint();
const sent = [];
for (let n = 0; n < count; n++) {
  sent.push(transport.sendMail({ envelope: { from, to }, raw }));
}
await Promise.all(sent);
console.log(Number(process.hrtime.bigint() - begin) / 1e9);
transport.close();
