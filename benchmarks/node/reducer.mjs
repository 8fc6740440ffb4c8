// A textbook reducer of a session, as one writes it for a store: immutable objects, copied for every change.
//
// Usage: node reducer.mjs EVENTS.jsonl. The file has {"event": topic, "payload": row} lines, decoded once, beforehand.
// Each line "fold" on stdin folds all of them from an empty state and prints the ns it took (the time of this process,
// garbage collection included, as on the other side; less than the wall clock where others use the machine) with a
// summary of the end. The first answer is cold (nothing is compiled yet), the later ones are warm.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const ENDED = new Set(["completed", "failed", "stopped", "timed_out"]);
// What grows is a Map or a Set that is copied for a change: an object of thousands of keys takes ten times as long to copy.
const EMPTY = {
  session: null,
  tasks: [],
  messagesByTask: new Map(),
  streams: {},
  toolsByTask: new Map(),
  loaded: new Set(),
};
const put = (map, key, value) => new Map(map).set(key, value);

const byTime = (a, b) =>
  a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.task_id < b.task_id ? -1 : 1;
const byIndex = (a, b) => a.index - b.index || (a.message_id < b.message_id ? -1 : 1);

function taskSaved(state, row, born) {
  const at = state.tasks.findIndex((task) => task.task_id === row.task_id);
  let next;
  if (at < 0) {
    next = { ...state, tasks: [...state.tasks, row].sort(byTime) };
    if (born) {
      next.loaded = new Set(state.loaded).add(row.task_id);
      next.messagesByTask = put(state.messagesByTask, row.task_id, []);
    }
  } else {
    next = { ...state, tasks: state.tasks.map((task, place) => (place === at ? row : task)) };
  }
  return ENDED.has(row.status) ? settled(next, row.task_id) : next;
}

function settled(state, taskId) {
  const streams = {};
  for (const [id, stream] of Object.entries(state.streams)) {
    if (stream.taskId !== taskId) streams[id] = stream;
    else if (stream.text) streams[id] = { ...stream, settled: true, streaming: false, thinkingNow: false };
  }
  const used = state.toolsByTask.get(taskId);
  if (!used) return { ...state, streams };
  const tools = Object.fromEntries(Object.entries(used).map(([id, tool]) => [id, { ...tool, status: "complete" }]));
  return { ...state, streams, toolsByTask: put(state.toolsByTask, taskId, tools) };
}

function messageSaved(state, row) {
  const { [row.message_id]: _, ...streams } = state.streams;
  const next = { ...state, streams };
  if (!state.loaded.has(row.task_id)) return next;
  const bucket = state.messagesByTask.get(row.task_id) ?? [];
  const known = bucket.some((message) => message.message_id === row.message_id);
  const messages = known
    ? bucket.map((message) => (message.message_id === row.message_id ? row : message))
    : [...bucket, row];
  next.messagesByTask = put(state.messagesByTask, row.task_id, messages.sort(byIndex));
  return toolsOf(next, row);
}

function toolsOf(state, row) {
  if (!Array.isArray(row.content)) return state;
  const before = state.toolsByTask.get(row.task_id) ?? {};
  let tools = before;
  for (const block of row.content) {
    if (block.type === "tool_use") {
      const { id, name, input } = block;
      tools = { ...tools, [id]: { status: "executing", ...tools[id], id, name, input, messageId: row.message_id } };
    } else if (block.type === "tool_result") {
      const id = block.tool_use_id;
      const ended = { status: "complete", result: block.content, failed: Boolean(block.is_error) };
      tools = { ...tools, [id]: { ...tools[id], id, ...ended } };
    }
  }
  return tools === before ? state : { ...state, toolsByTask: put(state.toolsByTask, row.task_id, tools) };
}

function toolStarted(state, { task_id: taskId, tool_use_id: id, tool_name: name }) {
  const tools = state.toolsByTask.get(taskId) ?? {};
  if (tools[id]) return state;
  const started = { ...tools, [id]: { id, name, status: "executing" } };
  return { ...state, toolsByTask: put(state.toolsByTask, taskId, started) };
}

const fresh = (payload) => ({
  id: payload.message_id,
  taskId: payload.task_id,
  text: "",
  thinking: "",
  streaming: false,
  thinkingNow: false,
  next: 0,
  ahead: null,
  expected: null,
  settled: false,
});

function withStream(state, payload, change) {
  const stream = state.streams[payload.message_id] ?? fresh(payload);
  if (stream.settled) return state;
  const changed = change(stream);
  return changed === stream ? state : { ...state, streams: { ...state.streams, [payload.message_id]: changed } };
}

function withChunk(stream, { chunk, sequence = stream.next }) {
  if (sequence < stream.next) return stream;
  if (sequence > stream.next) return { ...stream, streaming: true, ahead: { ...stream.ahead, [sequence]: chunk } };
  let { ahead, next } = stream;
  let text = stream.text + chunk;
  next += 1;
  while (ahead && next in ahead) {
    const { [next]: found, ...rest } = ahead;
    text += found;
    ahead = rest;
    next += 1;
  }
  return { ...stream, streaming: true, text, next, ahead };
}

function reduce(state, { event, payload }) {
  switch (event) {
    case "messages streaming:chunk":
      return withStream(state, payload, (stream) => withChunk(stream, payload));
    case "messages streaming:start":
      return withStream(state, payload, (stream) => ({
        ...stream,
        streaming: true,
        role: payload.role,
        timestamp: stream.timestamp ?? payload.timestamp,
      }));
    case "messages streaming:end":
      return withStream(state, payload, (stream) => ({ ...stream, streaming: false, expected: payload.sequence }));
    case "messages thinking:start":
      return withStream(state, payload, (stream) => ({ ...stream, thinkingNow: true }));
    case "messages thinking:chunk":
      return withStream(state, payload, (stream) => ({
        ...stream,
        thinkingNow: true,
        thinking: stream.thinking + payload.chunk,
      }));
    case "messages thinking:end":
      return withStream(state, payload, (stream) => ({ ...stream, thinkingNow: false }));
    case "messages created":
    case "messages patched":
      return messageSaved(state, payload);
    case "tasks created":
    case "tasks queued":
      return taskSaved(state, payload, true);
    case "tasks patched":
      return taskSaved(state, payload, false);
    case "tasks tool:start":
      return toolStarted(state, payload);
    case "sessions patched":
      return { ...state, session: payload };
    default:
      return state;
  }
}

const events = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
console.log(JSON.stringify({ node: process.version, events: events.length }));

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "fold") break;
  const [begun, used] = [process.hrtime.bigint(), process.cpuUsage()];
  let state = EMPTY;
  for (const event of events) state = reduce(state, event);
  const [wall, cpu] = [Number(process.hrtime.bigint() - begun), process.cpuUsage(used)];
  const ns = Math.min(wall, (cpu.user + cpu.system) * 1000); // helper threads can make the second one larger
  const messages = [...state.messagesByTask.values()].reduce((sum, bucket) => sum + bucket.length, 0);
  const text = Object.values(state.streams).reduce((sum, stream) => sum + stream.text.length, 0);
  const tools = [...state.toolsByTask.values()].reduce((sum, used) => sum + Object.keys(used).length, 0);
  console.log(JSON.stringify({ ns, end: { tasks: state.tasks.length, messages, text, tools } }));
}
