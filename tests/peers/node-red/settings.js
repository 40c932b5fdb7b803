// Node-RED for the bench: node node_modules/node-red/red.js -s settings.js -u FOLDER
// MQTT_URL, DATABASE_URL and HTTP_PORT come from the environment; nothing is reachable from outside.
module.exports = {
  uiPort: Number(process.env.HTTP_PORT),
  uiHost: '127.0.0.1',
  httpAdminRoot: false,
  flowFile: 'flows.json',
  credentialSecret: false,
  functionExternalModules: false,
  functionGlobalContext: { pg: require('pg'), databaseUrl: process.env.DATABASE_URL },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
};
