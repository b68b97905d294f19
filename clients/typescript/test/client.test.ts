// The promises of the layer, against a server that plays a script.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { credentials, Metadata, type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import { Client, EventKind, MailwrightError, SendRequest, SendResponse, WatchStatusRequest, WatchStatusResponse } from "../src/index.js";
import { BadRequest, ErrorInfo, Help, RetryInfo } from "../src/gen/google/rpc/error_details.js";
import { Status } from "../src/gen/google/rpc/status.js";
import { MailAPIService } from "../src/gen/mailwright/v1/mail.js";
import { StatusAPIService } from "../src/gen/mailwright/v1/status.js";

type Refusal = { code: status; details: string; metadata: Metadata };
type Detail = { typeUrl: string; value: Uint8Array };

let server: Server;
let client: Client;
let sends: (SendResponse | Refusal | "silence")[];
let watches: (WatchStatusResponse | Refusal | "silence")[][];
let requests: SendRequest[];
let cursors: (string | undefined)[];
let keys: unknown[];

beforeEach(async () => {
  [sends, watches, requests, cursors, keys] = [[], [], [], [], []];
  server = new Server();
  server.addService(MailAPIService, {
    send(call: ServerUnaryCall<SendRequest, SendResponse>, answer: sendUnaryData<SendResponse>) {
      requests.push(call.request);
      keys.push(...call.metadata.get("authorization"));
      const next = sends.shift()!;
      if (next === "silence") return;
      if ("code" in next) answer(next);
      else answer(null, next);
    },
  } as never);
  server.addService(StatusAPIService, {
    watchStatus(call: ServerWritableStream<WatchStatusRequest, WatchStatusResponse>) {
      cursors.push(call.request.start?.$case === "cursor" ? call.request.start.value : undefined);
      for (const line of watches.shift()!) {
        if (line === "silence") return;
        if ("code" in line) return void call.emit("error", line);
        call.write(line);
      }
      call.end();
    },
  } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  client = new Client(`127.0.0.1:${port}`, "mw_1_secret", credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

function refuse(code: status, ...details: Detail[]): Refusal {
  const metadata = new Metadata();
  if (details.length) {
    const said = Status.encode(Status.fromPartial({ code, message: "refused", details })).finish();
    metadata.set("grpc-status-details-bin", Buffer.from(said));
  }
  return { code, details: "refused", metadata };
}

function detail<T>(name: string, type: { encode(message: T): { finish(): Uint8Array } }, message: T): Detail {
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value: type.encode(message).finish() };
}

function info(reason: string): Detail {
  const metadata = { remedy: "Mend it.", provider_code: "AADSTS1" };
  return detail("ErrorInfo", ErrorInfo, { reason, domain: "mailwright.v1", metadata });
}

function retryIn(milliseconds: number): Detail {
  const seconds = Math.floor(milliseconds / 1_000);
  return detail("RetryInfo", RetryInfo, { retryDelay: { seconds, nanos: (milliseconds % 1_000) * 1_000_000 } });
}

function event(cursor: string): WatchStatusResponse {
  return WatchStatusResponse.fromPartial({ cursor, event: { $case: "message", value: {} } });
}

async function failure(call: Promise<unknown>): Promise<MailwrightError> {
  const error: unknown = await call.then(
    () => assert.fail("it succeeded"),
    (rejected: unknown) => rejected,
  );
  assert(error instanceof MailwrightError);
  return error;
}

test("every try of a send bears one request id and the key", async () => {
  sends = [
    refuse(status.UNAVAILABLE, info("DRAINING"), retryIn(20)),
    refuse(status.INTERNAL),
    refuse(status.RESOURCE_EXHAUSTED, info("OUTBOX_FULL"), retryIn(20)),
    SendResponse.fromPartial({ messageId: "m" }),
  ];
  assert.equal((await client.send({})).messageId, "m");
  assert.equal(requests.length, 4);
  assert.equal(new Set(requests.map(({ requestId }) => requestId)).size, 1);
  assert.notEqual(requests[0]!.requestId, "");
  assert.deepEqual(new Set(keys), new Set(["Bearer mw_1_secret"]));
});

test("a refusal is told at once with all that it says", async () => {
  const violations = [{ field: "email.to", description: "is empty" }];
  sends = [
    refuse(
      status.INVALID_ARGUMENT,
      info("INVALID_FIELD"),
      detail("BadRequest", BadRequest, BadRequest.fromPartial({ fieldViolations: violations })),
      detail("Help", Help, Help.fromPartial({ links: [{ url: "https://example.com/" }] })),
    ),
  ];
  const error = await failure(client.send({}));
  assert.equal(error.code, status.INVALID_ARGUMENT);
  assert.deepEqual([error.reason, error.remedy, error.link, error.providerCode], ["INVALID_FIELD", "Mend it.", "https://example.com/", "AADSTS1"]);
  assert.deepEqual(
    error.violations.map(({ field, description }) => ({ field, description })),
    violations,
  );
  assert.equal(error.requestId, requests[0]!.requestId);
});

test("a bug of the server is not asked for again", async () => {
  sends = [refuse(status.INTERNAL, info("INTERNAL"))];
  assert.equal((await failure(client.send({}))).reason, "INTERNAL");
});

test("what is asked to wait beyond the deadline is told at once", async () => {
  sends = [refuse(status.RESOURCE_EXHAUSTED, info("OUTBOX_FULL"), retryIn(3_600_000))];
  assert.equal((await failure(client.send({}))).retryDelay, 3_600_000);
});

test("a server that does not answer takes no longer than the deadline", async () => {
  sends = ["silence"];
  assert.equal((await failure(client.send({}, 300))).code, status.DEADLINE_EXCEEDED);
});

test("a closed client ends what runs, and sends no more", async () => {
  sends = ["silence"];
  const sending = failure(client.send({}));
  client.close();
  assert.equal((await sending).code, status.CANCELLED);
  assert.equal((await failure(client.send({}))).code, status.CANCELLED);
});

test("what can't be encoded is told at once, as what it is", async () => {
  const unencoded = (error: unknown) => error instanceof Error && !(error instanceof MailwrightError);
  await assert.rejects(client.send({ sendTime: new Date(NaN) }), unencoded);
  await assert.rejects(client.watch({ kinds: [0.5 as EventKind] }), unencoded);
  assert.deepEqual([requests, cursors], [[], []]);
});

test("what is no call's failure is thrown unchanged", async () => {
  const other = new Error("a bug");
  client.mail.send = () => {
    throw other;
  };
  await assert.rejects(client.send({}), (error) => error === other);
});

test("a watch of nobody ends with its timeout", async () => {
  server.forceShutdown();
  assert.equal((await failure(client.watch({}, false, 300))).code, status.DEADLINE_EXCEEDED);
});

test("a watch without an answer ends with its timeout", async () => {
  watches = [["silence"]];
  assert.equal((await failure(client.watch({}, false, 300))).code, status.DEADLINE_EXCEEDED);
});

test("a watch that was answered outlives its timeout", async () => {
  watches = [[event("1"), "silence"], [event("2")]];
  const watch = await client.watch({}, false, 300);
  assert.deepEqual([(await watch.next()).value?.cursor, (await watch.next()).value?.cursor], ["1", "2"]);
  assert.deepEqual(cursors, [undefined, "1"]);
});

test("now is the moment at which a watch is there, also when its connection breaks before the first event", async () => {
  watches = [[WatchStatusResponse.fromPartial({ cursor: "now", event: { $case: "heartbeat", value: {} } }), refuse(status.UNAVAILABLE)], [event("1")]];
  const { value } = await (await client.watch()).next();
  assert.equal(value?.cursor, "1");
  assert.deepEqual(cursors, [undefined, "now"]);
});

test("a watch goes on behind what it has yielded", async () => {
  const heartbeat = WatchStatusResponse.fromPartial({ cursor: "2", event: { $case: "heartbeat", value: {} } });
  watches = [
    [event("1"), heartbeat, refuse(status.UNAVAILABLE)],
    [event("3")],
    [event("4")],
    [refuse(status.OUT_OF_RANGE, info("CURSOR_OUT_OF_RANGE"))],
  ];
  const [watch, yielded] = [await client.watch(), [] as string[]];
  const error = await failure(
    (async () => {
      for await (const { cursor } of watch) yielded.push(cursor);
    })(),
  );
  assert.deepEqual(yielded, ["1", "3", "4"]);
  assert.deepEqual(cursors, [undefined, "2", "3", "4"]);
  assert.equal(error.code, status.OUT_OF_RANGE);
});
