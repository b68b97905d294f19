// Sends a password reset, waits until it is SENT, or explains why not.
//
//     npm run build && node dist/examples/password_reset.js 127.0.0.1:50051 billing alex@contoso.com
import { credentials } from "@grpc/grpc-js";
import { Client, MailwrightError, MessageState, Priority } from "../src/index.js";

async function resetPassword(client: Client, serviceId: string, to: string, link: string): Promise<boolean> {
  const sent = await client.send({
    serviceId,
    priority: Priority.HIGH,
    expireTime: new Date(Date.now() + 3_600_000), // a link that is dead helps nobody
    content: {
      $case: "email",
      value: {
        to: [{ address: to }],
        subject: "Reset your password",
        textBody: `Open ${link} within an hour. If you didn't ask for this, do nothing.`,
      },
    },
  });
  const watch = await client.watch({ start: { $case: "cursor", value: sent.cursor }, messageIds: [sent.messageId] });
  for await (const { event } of watch) {
    const message = event?.$case === "message" ? event.value.message : undefined;
    if (!message) continue;
    if (message.state === MessageState.SENT) {
      console.log(`sent to ${to}`);
      return true;
    }
    if (message.problem) {
      const { summary, remedy, helpUrl } = message.problem;
      console.log(`${MessageState[message.state].toLowerCase()}: ${summary} ${remedy} ${helpUrl}`.trimEnd());
    }
    if (message.endTime) break;
  }
  return false;
}

const [target = "", serviceId = "", to = ""] = process.argv.slice(2);
const transport = /^(127\.|localhost:)/.test(target) ? credentials.createInsecure() : credentials.createSsl();
const client = new Client(target, process.env["MAILWRIGHT_KEY"] ?? "", transport);
try {
  process.exitCode = (await resetPassword(client, serviceId, to, "https://example.com/reset/3f9a")) ? 0 : 1;
} catch (failure) {
  if (!(failure instanceof MailwrightError)) throw failure;
  console.error(`${failure.reason || failure.code}: ${failure.message} ${failure.link}\n${failure.remedy}`);
  process.exitCode = 1;
} finally {
  client.close();
}
