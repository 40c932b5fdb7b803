// An OPC UA server of another make: node server.js PORT PKI_FOLDER [strict]
// Nodes v0..v9 (Double) in urn:takt:peer, Good (Int32), State (String); a PackML object when the nodesets load.
// stdin: "set NAME VALUE" | "burst NAME COUNT" | "delete NAME" ; each answered with "ok".
const readline = require('readline');
const {
  OPCUAServer, OPCUACertificateManager, DataType, SecurityPolicy, MessageSecurityMode, nodesets,
} = require('node-opcua');

const [, , port, folder, strictness] = process.argv;

async function main() {
  const certificates = new OPCUACertificateManager({
    automaticallyAcceptUnknownCertificate: strictness !== 'strict', rootFolder: folder,
  });
  await certificates.initialize();
  const server = new OPCUAServer({
    port: Number(port), resourcePath: '/peer', host: '127.0.0.1', hostname: '127.0.0.1',
    serverCertificateManager: certificates,
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256],
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
    userManager: { isValidUser: (user, password) => user === 'mes' && password === 'secret' },
    allowAnonymous: true,
    nodeset_filename: [nodesets.standard, nodesets.di, nodesets.ia, nodesets.machinery, nodesets.packML],
    serverCapabilities: {
      maxSessions: 20,
      operationLimits: { maxMonitoredItemsPerCall: 100, maxNodesPerRead: 100, maxNodesPerBrowse: 100 },
    },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.registerNamespace('urn:takt:peer');
  const nodes = {};
  const add = (name, dataType, value) => {
    nodes[name] = own.addVariable({
      organizedBy: space.rootFolder.objects, browseName: name, nodeId: `s=${name}`, dataType, minimumSamplingInterval: 10,
    });
    nodes[name].setValueFromSource({ dataType, value });
    nodes[name].takt = { dataType };
  };
  for (let i = 0; i < 250; i++) add(`v${i}`, DataType.Double, i);
  add('Good', DataType.Int32, 0);
  add('State', DataType.String, 'IDLE');
  const packml = space.getNamespaceIndex('http://opcfoundation.org/UA/PackML/');
  const type = space.findObjectType('PackMLBaseObjectType', packml);
  if (type) type.instantiate({ browseName: 'Filler1', organizedBy: space.rootFolder.objects, optionals: ['Admin', 'Status'] });
  await server.start();
  console.log('ready');

  const put = (name, word) => {
    const { dataType } = nodes[name].takt;
    const value = dataType === DataType.String ? word : Number(word);
    nodes[name].setValueFromSource({ dataType, value });
  };
  readline.createInterface({ input: process.stdin }).on('line', async (line) => {
    const [command, name, word] = line.split(' ');
    if (command === 'set') put(name, word);
    for (let i = 0; command === 'burst' && i < Number(word); i++) {
      put(name, i);
      await new Promise((resolve) => setTimeout(resolve, 150)); // it samples every 50 ms or so
    }
    if (command === 'delete') space.deleteNode(nodes[name]);
    console.log('ok');
  }).on('close', () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
