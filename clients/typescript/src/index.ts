/**
 * Client of Mailwright, a self-hosted email-sending service.
 *
 * {@link Client} connects, {@link Client.send} repeats safely, {@link Client.watch} loses nothing, and
 * {@link MailwrightError} says why.
 *
 * @packageDocumentation
 */
export { Client, type Options, type SendOptions } from "./client.js";
export { MailwrightError, type Violation } from "./error.js";
export { Watch, type WatchOptions } from "./watch.js";
export * from "./gen/mailwright/v1/admin.js";
export * from "./gen/mailwright/v1/diagnosis.js";
export * from "./gen/mailwright/v1/mail.js";
export * from "./gen/mailwright/v1/status.js";
