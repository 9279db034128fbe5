// Loaded into a process (node --require): kills it at the first message on a diagnostics channel.
const { subscribe } = require('node:diagnostics_channel');

subscribe(process.env.KILL_AT, () => process.kill(process.pid, 'SIGKILL'));
