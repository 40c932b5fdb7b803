// The body of the function node: every message into a batch, every 100 ms one INSERT of all that came (best practice).
const batch = context.get('batch');
batch.push([Number(msg.topic.slice(5)), msg.payload.ts, msg.payload.v, msg.payload.seq]);
return null;
