// A target for benchmarks/load.py: one small JSON answer, counted; GET /stall?ms=N lets everything wait until then. On bare
// sockets, so that the target is never what is measured, and what waited is released within some milliseconds.
import net from "node:net";

const answer = (body) =>
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
const small = answer(JSON.stringify({ status: "healthy", version: { id: "bench" }, items: [1, 2, 3, 4] }));
let counted = 0;
let waiting = null;

function one(socket, head) {
  const path = head.slice(head.indexOf(" ") + 1, head.indexOf(" HTTP/"));
  if (path === "/count") return socket.write(answer(String(counted)));
  if (path.startsWith("/stall")) {
    waiting = [];
    setTimeout(() => {
      const released = waiting;
      waiting = null;
      for (const held of released) held.write(small);
    }, Number(path.split("=")[1]));
    return socket.write(answer("{}"));
  }
  counted += 1;
  if (waiting) waiting.push(socket);
  else socket.write(small);
}

const server = net.createServer({ noDelay: true }, (socket) => {
  let rest = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => {
    rest += data.toString("latin1");
    for (let end = rest.indexOf("\r\n\r\n"); end >= 0; end = rest.indexOf("\r\n\r\n")) {
      one(socket, rest.slice(0, end));
      rest = rest.slice(end + 4);
    }
  });
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on("end", () => process.exit());
