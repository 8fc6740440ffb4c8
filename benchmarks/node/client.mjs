// socket.io-client with an empty handler. Reads a line, asks for a blast, prints the ns until its end has come.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, chunks] = [process.argv[2], Number(process.argv[3])];
const socket = io(url, { transports: ["websocket"], reconnection: false });
let over = () => {};
socket.on("messages streaming:chunk", () => {});
socket.on("messages streaming:end", () => over());
socket.on("connect_error", (error) => {
  console.error(error.message);
  process.exit(1);
});
socket.on("connect", () => console.log(JSON.stringify({ node: process.version })));

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "blast") break;
  const begun = process.hrtime.bigint();
  const done = new Promise((resolve) => (over = resolve));
  socket.emit("blast", chunks);
  await done;
  console.log(JSON.stringify({ ns: Number(process.hrtime.bigint() - begun) }));
}
socket.close();
process.exit(0);
