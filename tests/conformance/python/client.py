"""Calls an agent with the official Python SDK: every binding and generation that its card offers.

Prints one JSON object per line: the wire, and what each operation came to, or the error that ended them.
"""

import asyncio
import json
import sys

import grpc.aio
import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskState,
)


def request(message_id: str) -> SendMessageRequest:
    message = Message(message_id=message_id, role=Role.ROLE_USER, parts=[Part(text="Will it rain?")])
    return SendMessageRequest(message=message)


def state(status) -> str:
    return TaskState.Name(status.state)


def kind(event) -> str:
    if event.HasField("task"):
        return "task " + state(event.task.status)
    if event.HasField("status_update"):
        return "statusUpdate " + state(event.status_update.status)
    return "artifactUpdate" if event.HasField("artifact_update") else "message"


async def send(client, message_id: str):
    """Returns the one event of a call that does not stream."""
    async for event in client.send_message(request(message_id)):
        return event


async def play(plain, streaming, wire: str) -> dict:
    name = wire.replace("/", "-").replace("+", "-")
    sent = await send(plain, f"tck-complete-task-python-{name}")
    streamed = [kind(e) async for e in streaming.send_message(request(f"tck-stream-001-python-{name}"))]
    waiting = await send(plain, f"tck-input-required-python-{name}-cancel")
    cancelled = await plain.cancel_task(CancelTaskRequest(id=waiting.task.id))
    waiting = await send(plain, f"tck-input-required-python-{name}-subscribe")
    seen = []
    async for event in streaming.subscribe(SubscribeToTaskRequest(id=waiting.task.id)):
        seen.append(kind(event))
        if len(seen) == 1:
            await plain.cancel_task(CancelTaskRequest(id=waiting.task.id))
    return {
        "wire": wire,
        "send": [kind(sent)],
        "stream": streamed,
        "cancel": ["task " + state(cancelled.status)],
        "subscribe": seen,
    }


def only(card: AgentCard, interface) -> AgentCard:
    """Returns the card with one interface, so that the SDK has no choice."""
    chosen = AgentCard()
    chosen.CopyFrom(card)
    del chosen.supported_interfaces[:]
    chosen.supported_interfaces.append(interface)
    return chosen


async def main(base: str) -> None:
    async with httpx.AsyncClient(timeout=30) as http:
        card = await A2ACardResolver(http, base).get_agent_card()
        for interface in card.supported_interfaces:
            clients = [
                ClientFactory(
                    ClientConfig(
                        streaming=streaming,
                        httpx_client=http,
                        grpc_channel_factory=grpc.aio.insecure_channel,
                        supported_protocol_bindings=[interface.protocol_binding],
                    )
                ).create(only(card, interface))
                for streaming in (False, True)
            ]
            wire = f"{interface.protocol_version}/{interface.protocol_binding}"
            try:
                seen = await play(*clients, wire)
            except Exception as error:  # the other wires are of interest all the same
                seen = {"wire": wire, "error": repr(error)}
            print(json.dumps(seen), flush=True)


asyncio.run(main(sys.argv[1]))
