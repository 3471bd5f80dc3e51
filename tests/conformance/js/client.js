// Calls an agent with the official JavaScript SDK: every binding and generation that its card offers.
// Prints one JSON object per line: the wire, and what each operation came to, or the error that ended them.

import { Role, TaskState } from '@a2a-js/sdk';
import {
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';

const legacyCompat = { enabled: true };
const factory = new ClientFactory({
  transports: [
    new JsonRpcTransportFactory({ legacyCompat }),
    new RestTransportFactory({ legacyCompat }),
    new GrpcTransportFactory({ legacyCompat }),
  ],
});

const request = (messageId) => ({
  message: {
    messageId,
    role: Role.ROLE_USER,
    parts: [{ content: { $case: 'text', value: 'Will it rain?' }, filename: '', mediaType: '', metadata: undefined }],
    contextId: '',
    taskId: '',
    extensions: [],
    referenceTaskIds: [],
    metadata: undefined,
  },
});

const state = (status) => TaskState[status.state];

function kind(event) {
  const { $case, value } = event.payload;
  return value.status ? `${$case} ${state(value.status)}` : $case;
}

// What does not stream is answered by the task itself.
const task = (result) => result.payload?.value ?? result;

async function play(client, wire) {
  const id = (prefix, row) => `${prefix}-js-${wire.replace(/[/+]/g, '-')}-${row}`;
  const sent = task(await client.sendMessage(request(id('tck-complete-task', 'send'))));
  const stream = [];
  for await (const event of client.sendMessageStream(request(id('tck-stream-001', 'stream')))) {
    stream.push(kind(event));
  }
  let waiting = task(await client.sendMessage(request(id('tck-input-required', 'cancel'))));
  const cancelled = await client.cancelTask({ tenant: '', id: waiting.id, metadata: undefined });
  waiting = task(await client.sendMessage(request(id('tck-input-required', 'subscribe'))));
  const subscribe = [];
  for await (const event of client.resubscribeTask({ tenant: '', id: waiting.id })) {
    subscribe.push(kind(event));
    if (subscribe.length === 1) {
      await client.cancelTask({ tenant: '', id: waiting.id, metadata: undefined });
    }
  }
  return {
    wire,
    send: [`task ${state(sent.status)}`],
    stream,
    cancel: [`task ${state(cancelled.status)}`],
    subscribe,
  };
}

// The resolver replaces the last segment of a base that does not end with a slash.
const card = await new DefaultAgentCardResolver({ path: '.well-known/agent-card.json' }).resolve(`${process.argv[2]}/`);
for (const one of card.supportedInterfaces) {
  // With one interface in the card the SDK has no choice.
  const client = await factory.createFromAgentCard({ ...card, supportedInterfaces: [one] });
  const wire = `${one.protocolVersion}/${one.protocolBinding}`;
  // The other wires are of interest even when one fails.
  console.log(JSON.stringify(await play(client, wire).catch((error) => ({ wire, error: String(error) }))));
}
