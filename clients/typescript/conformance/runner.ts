// Plays the conformance scenario with the TypeScript client: see clients/conformance/README.md.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallOptions, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  type AdminAPIClient,
  Client,
  CompleteAuthorizeRequest,
  CreateServiceRequest,
  type Diagnosis,
  EventKind,
  type MailAPIClient,
  MailwrightError,
  type Message,
  MessageState,
  Provider,
  Reason,
  RecipientOutcome,
  type SendResponse,
  type Service,
  ServiceState,
  type WatchStatusResponse,
} from "../src/index.js";

interface Step {
  name: string;
  do: string;
  expect: string;
  id: string;
  to: string[];
  subject?: string;
  service?: string;
  state?: string;
  ask: string;
  cursor?: string;
  key?: string;
  attach?: number;
  in_seconds?: number;
  timeout?: number;
  untrusted?: boolean;
  within?: number;
}

interface Answer {
  target: string;
  tls_target: string;
  ca: string;
  key: string;
  smtp_port: number;
  client_id: string;
  client_secret: string;
  state: string;
  code: string;
  times: number;
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Says a line to the driver and reads its line. */
async function ask(what: string, fields: object = {}): Promise<Answer> {
  process.stdout.write(`${JSON.stringify({ do: what, ...fields })}\n`);
  return JSON.parse((await lines.next()).value as string) as Answer;
}

const world = await ask("start");
let client = connect();
const sent = new Map<string, SendResponse>();

function connect(): Client {
  return new Client(world.target, world.key, credentials.createInsecure());
}

type Method<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  answered: (error: ServiceError | null, answer: A) => void,
) => unknown;

function unary<Q, A>(method: Method<Q, A>, request: Q): Promise<A> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline: Date.now() + 120_000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

function admin<Q, A>(method: (of: AdminAPIClient) => Method<Q, A>, request: Q): Promise<A> {
  return unary(method(client.admin).bind(client.admin), request);
}

function mail<Q, A>(method: (of: MailAPIClient) => Method<Q, A>, request: Q): Promise<A> {
  return unary(method(client.mail).bind(client.mail), request);
}

function request(step: Step, requestId: string) {
  return {
    serviceId: step.service ?? "billing",
    requestId,
    sendTime: step.in_seconds ? new Date(Date.now() + step.in_seconds * 1_000) : undefined,
    content: {
      $case: "email" as const,
      value: {
        to: step.to.map((address) => ({ address })),
        subject: step.subject ?? requestId,
        textBody: "Hello.",
        attachments: step.attach ? [{ filename: "large.bin", content: Buffer.alloc(step.attach, "x") }] : [],
      },
    },
  };
}

/** Follows one message from its Send on. */
async function message(id: string, until: (message: Message) => boolean): Promise<Message> {
  const { cursor, messageId } = sent.get(id)!;
  for await (const { event } of await client.watch({ start: { $case: "cursor", value: cursor }, messageIds: [messageId] })) {
    if (event?.$case === "message" && event.value.message && until(event.value.message)) break;
  }
  return (await mail((of) => of.getMessage, { messageId })).message!;
}

const ended = ({ endTime }: Message): boolean => endTime !== undefined;
const service = ({ state }: Service): string => ServiceState[state];
const reason = (diagnosis: Diagnosis | undefined): string => (diagnosis ? Reason[diagnosis.reason] : "");

async function outcome(call: () => Promise<string>): Promise<string> {
  try {
    return await call();
  } catch (failure) {
    if (!(failure instanceof Error && "code" in failure)) throw failure;
    const error = failure instanceof MailwrightError ? failure : new MailwrightError(failure as ServiceError);
    return [
      `${status[error.code]} ${error.reason}`.trim(),
      error.remedy && "remedy",
      error.link && "link",
      error.retryDelay !== undefined && "retry",
      error.violations.map(({ field }) => field).join(" "),
    ]
      .filter(Boolean)
      .join(", ");
  }
}

async function send(step: Step): Promise<string> {
  const answer = await client.send(request(step, step.id), (step.timeout ?? 60) * 1_000);
  sent.set(step.id, answer);
  return [MessageState[answer.state], answer.deduplicated && "deduplicated", reason(answer.problem)].filter(Boolean).join(", ");
}

async function next(watch: AsyncIterable<WatchStatusResponse>): Promise<string> {
  for await (const _ of watch) return "an event";
  return "ended";
}

async function watchFrom(cursor: string): Promise<string> {
  return next(await client.watch({ start: { $case: "cursor", value: cursor } }));
}

const steps: Record<string, (step: Step) => Promise<string>> = {
  send,

  async create() {
    const created = await admin(
      (of) => of.createService,
      CreateServiceRequest.fromPartial({
        serviceId: "billing",
        service: {
          displayName: "Billing",
          smtp: { host: "localhost", port: world.smtp_port },
          sender: { address: "adele@contoso.com", name: "Contoso Billing" },
          auth: {
            $case: "oauth2",
            value: {
              provider: Provider.MICROSOFT,
              loginEmail: "adele@contoso.com",
              clientId: world.client_id,
              clientSecret: world.client_secret,
            },
          },
          delivery: { messagesPerMinute: 100_000, recipientsPerDay: 1_000_000 },
        },
      }),
    );
    return service(created.service!);
  },

  async authorize() {
    const begun = await admin((of) => of.beginAuthorize, { serviceId: "billing", returnUrl: "" });
    const { state, code } = await ask("consent", { url: begun.authorizationUrl });
    const done = await admin((of) => of.completeAuthorize, CompleteAuthorizeRequest.fromPartial({ state, code }));
    return service(done.service!);
  },

  async test({ to }) {
    const { passed } = await admin((of) => of.sendTest, { serviceId: "billing", to: to[0]! });
    const read = await admin((of) => of.getService, { serviceId: "billing" });
    return `${passed ? "passed" : "failed"}, ${service(read.service!)}`;
  },

  async send_as(step) {
    const stranger = new Client(world.target, step.key!, credentials.createInsecure());
    try {
      return MessageState[(await stranger.send(request(step, step.id))).state];
    } finally {
      stranger.close();
    }
  },

  async send_tls(step) {
    const transport = credentials.createSsl(step.untrusted ? null : readFileSync(world.ca));
    const sealed = new Client(world.tls_target, world.key, transport);
    try {
      const { state } = await sealed.send(request(step, step.id), (step.timeout ?? 60) * 1_000);
      return MessageState[state];
    } finally {
      sealed.close();
    }
  },

  async watch_frozen(step) {
    const sealed = new Client(world.tls_target, world.key, credentials.createSsl(readFileSync(world.ca)));
    const watch = await sealed.watch();
    await client.send(request(step, `${step.id}-0`));
    await watch.next();
    await ask("freeze");
    const begun = performance.now();
    const awaited = (await client.send(request(step, `${step.id}-1`))).messageId;
    for (;;) {
      const event = (await watch.next()).value?.event;
      if (event?.$case === "message" && event.value.message?.messageId === awaited) break;
    }
    sealed.close();
    return performance.now() - begun < step.within! * 1_000 ? "noticed" : "late";
  },

  async send_unnamed(step) {
    const ids = [await client.send(request(step, "")), await client.send(request(step, ""))].map(({ messageId }) => messageId);
    const read = await Promise.all(ids.map((messageId) => mail((of) => of.getMessage, { messageId })));
    const named = read.every(({ message }) => message!.requestId !== "");
    return `${new Set(ids).size} messages, ${named ? "named" : "unnamed"}`;
  },

  async end({ id }) {
    const { state, recipients } = await message(id, ended);
    const each = recipients.map((one) => [one.address, RecipientOutcome[one.outcome], reason(one.diagnosis)].filter(Boolean).join(" "));
    return [MessageState[state], ...each].join("; ");
  },

  async until(step) {
    const { state, problem } = await message(step.id, (one) => MessageState[one.state] === step.state && one.problem !== undefined);
    return `${MessageState[state]} ${reason(problem)}`;
  },

  async cancel({ id }) {
    const { messageId } = sent.get(id)!;
    return MessageState[(await mail((of) => of.cancelMessage, { messageId })).message!.state];
  },

  async ask(step) {
    await ask(step.ask);
    return "done";
  },

  /** Three messages before the server goes, three after it is back, and one watch through it all. */
  async watch(step) {
    const cursors = new Set<string>();
    let [fresh, twice, done] = [0, 0, 0];
    const watch = await client.watch({ kinds: [EventKind.MESSAGE] });
    const sendThree = async (from: number): Promise<void> => {
      for (let i = from; i < from + 3; i++) await client.send(request(step, `${step.id}-${i}`));
    };
    await sendThree(0);
    for await (const { cursor, event } of watch) {
      if (event?.$case !== "message") continue;
      if (cursors.size === 0) {
        await ask(step.ask);
        await sendThree(3);
      }
      if (cursors.has(cursor)) twice++;
      cursors.add(cursor);
      if (event.value.previousState === MessageState.UNSPECIFIED) fresh++;
      if (event.value.message?.state === MessageState.SENT) done++;
      if (done === 6) break;
    }
    return `${fresh} new, ${done} SENT, ${twice} twice`;
  },

  async send_through(step) {
    await ask("stop");
    const sending = send(step);
    await ask("serve");
    return sending;
  },

  async arrived({ id }) {
    const { state } = await message(id, ended);
    const { times } = await ask("arrived", { subject: id });
    return `${MessageState[state]}; ${times} ${times === 1 ? "copy" : "copies"}`;
  },

  async cancel_send(step) {
    const own = connect();
    const sending = outcome(async () => MessageState[(await own.send(request(step, step.id))).state]);
    await sleep(300);
    own.close();
    return sending;
  },

  async cancel_watch({ id }) {
    const own = connect();
    const watch = outcome(async () => next(await own.watch({ start: { $case: "cursor", value: sent.get(id)!.cursor } })));
    await sleep(300);
    own.close();
    return watch;
  },

  async fill(step) {
    await admin((of) => of.suspendService, { serviceId: "billing" });
    let held = 0;
    const why = await outcome(async () => {
      for (;;) {
        await send({ ...step, id: `${step.id}-${held}` });
        held++;
      }
    });
    await admin((of) => of.resumeService, { serviceId: "billing" });
    return `${held} HELD, then ${why}`;
  },

  async watch_from({ cursor }) {
    return watchFrom(cursor!);
  },

  async new_store() {
    const { newestCursor } = await admin((of) => of.getServerInfo, {});
    world.key = (await ask("new_store")).key;
    client.close();
    client = connect();
    return watchFrom(newestCursor);
  },
};

const scenario = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as { steps: Step[] };
const results: string[] = [];
for (const step of scenario.steps) {
  results.push(await outcome(() => steps[step.do]!(step)));
  process.stderr.write(`${step.name}: ${results.at(-1)}\n`);
}
await ask("report", { results });
client.close();
process.exit();
