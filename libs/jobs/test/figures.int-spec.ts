import { startTelemetry } from '@past-tense/telemetry';
import { eventually, testDatabase } from '@past-tense/testing';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aJob, startInstance, type Instance } from './instance';

const telemetry = startTelemetry({ service: 'test', version: '1' });
let service: Instance;
let server: Server;
beforeAll(async () => {
  service = await startInstance(await testDatabase());
  server = createServer((request, response) => telemetry.serveMetrics(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await service.close();
  server.close();
  await telemetry.shutdown();
});

async function figure(line: RegExp): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)).text();
  const found = text.split('\n').filter((candidate) => line.test(candidate));
  expect(found).toHaveLength(1);
  return Number(found[0]!.split(' ')[1]);
}

describe('the figures (V3)', () => {
  it('tell how many jobs are open and how old the oldest is', async () => {
    expect(await figure(/^past_tense_jobs_open\b/)).toBe(0);
    expect(await figure(/^past_tense_jobs_oldest_age\b/)).toBe(0);
    const job = aJob();
    await service.database.transaction((transaction) => service.jobs.create(transaction, job));

    expect(await figure(/^past_tense_jobs_open\b/)).toBe(1);
    await eventually(async () => expect(await figure(/^past_tense_jobs_oldest_age\b/)).toBeGreaterThan(0));
    await service.database.transaction((transaction) => service.jobs.succeed(transaction, job.id));
    expect(await figure(/^past_tense_jobs_open\b/)).toBe(0);
  });

  it('tell how long jobs took and how they ended, once each and only if that is committed', async () => {
    const { database, jobs } = service;
    const job = aJob({ kind: 'cancel-order' });
    await database.transaction((transaction) => jobs.create(transaction, job));
    const failing = database.transaction(async (transaction) => {
      await jobs.succeed(transaction, job.id);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    for (let i = 0; i < 3; i += 1) await database.transaction((transaction) => jobs.fail(transaction, job.id, 'undeliverable'));

    // Were the success counted that was rolled back, there would be a second series of this kind.
    expect(await figure(/^past_tense_job_propagation_count\{.*kind="cancel-order"/)).toBe(1);
    expect(await figure(/^past_tense_job_propagation_count\{.*kind="cancel-order".*outcome="failed"/)).toBe(1);
  });
});
