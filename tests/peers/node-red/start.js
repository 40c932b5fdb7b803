// What the function node does once: a pool, and a timer that writes what has gathered.
const pool = new (global.get('pg').Pool)({ connectionString: global.get('databaseUrl'), max: 2 });
const batch = [];
context.set('batch', batch);
let busy = false;
setInterval(async () => {
  if (busy || !batch.length) return;
  busy = true;
  const rows = batch.splice(0, 20000);
  try {
    await pool.query(
      'insert into node_red_sample (tag, at, value, seq)'
      + ' select * from unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[])',
      [0, 1, 2, 3].map((column) => rows.map((row) => row[column])),
    );
  } catch (error) {
    node.error(error.message);
  }
  busy = false;
}, 100);
