import { basename, dirname } from 'node:path';
import { beginProfile } from './profile';

// Loaded into a service before anything else (`node --require`): the first SIGUSR2 begins a profile, the next one writes it down.

let begun: Promise<() => Promise<void>> | undefined;

process.on('SIGUSR2', () => {
  const before = begun;
  // A service is started as apps/<name>/dist/main.js.
  begun = before ? undefined : beginProfile(process.env['BENCH_PROFILE']!, basename(dirname(dirname(process.argv[1]!))));
  void before?.then((write) => write());
});
