// A Sparkplug B edge node of another make: node edge.js mqtt://HOST:PORT GROUP [KEEPALIVE_S]
// stdin: "count" (device D counts one) | "stop" (leave with a death certificate); each answered with "ok".
const readline = require('readline');
const { newClient } = require('sparkplug-client');

const [, , serverUrl, groupId, keepaliveS] = process.argv;
let good = 0;
const client = newClient({
  serverUrl, username: '', password: '', groupId, edgeNode: 'E', clientId: `edge-${groupId}`,
  version: 'spBv1.0', publishDeath: true, keepalive: Number(keepaliveS || 30),
});
const birth = () => {
  client.publishNodeBirth({
    timestamp: Date.now(), metrics: [{ name: 'Node Control/Rebirth', type: 'Boolean', value: false }],
  });
  client.publishDeviceBirth('D', {
    timestamp: Date.now(),
    metrics: [{ name: 'good', type: 'UInt64', value: good }, { name: 'state', type: 'String', value: 'RUN' }],
  });
};
client.on('birth', () => { birth(); console.log('ready'); });
client.on('ncmd', (payload) => {
  if ((payload.metrics || []).some((metric) => metric.name === 'Node Control/Rebirth' && metric.value)) birth();
});
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'count') {
    good += 1;
    client.publishDeviceData('D', { timestamp: Date.now(), metrics: [{ name: 'good', type: 'UInt64', value: good }] });
  }
  if (line === 'stop') client.stop();
  console.log('ok');
}).on('close', () => process.exit(0));
