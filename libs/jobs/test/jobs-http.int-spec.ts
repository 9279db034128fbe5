import { newId } from '@past-tense/envelope';
import { ask, eventually, testDatabase } from '@past-tense/testing';
import type { Job, JobsSettings } from '../src/index';
import { EventSourceUnderTest } from './event-source';
import { aJob, asCustomer, asStaff, startInstance, type Instance } from './instance';

let databaseUrl: string;
const instances: Instance[] = [];
const opened: EventSourceUnderTest[] = [];
async function anInstance(settings: Partial<JobsSettings> = {}): Promise<Instance> {
  const instance = await startInstance(databaseUrl, settings);
  instances.push(instance);
  return instance;
}

let service: Instance;
beforeAll(async () => {
  databaseUrl = await testDatabase();
  service = await anInstance();
});
afterEach(() => opened.splice(0).forEach((source) => source.close()));
afterAll(() => Promise.all(instances.map((instance) => instance.close())));

async function created({ database, jobs }: Instance = service): Promise<Job> {
  return database.transaction((transaction) => jobs.create(transaction, aJob()));
}
const start = ({ id }: Job, { database, jobs } = service) => database.transaction((transaction) => jobs.start(transaction, id));
const succeed = ({ id }: Job, result = {}, { database, jobs } = service) =>
  database.transaction((transaction) => jobs.succeed(transaction, id, result));
const fail = ({ id }: Job, { database, jobs } = service) =>
  database.transaction((transaction) => jobs.fail(transaction, id, 'undeliverable', 'Nobody lives there.'));
const get = (job: { id: string }, headers: Record<string, string> = asStaff) => ask(`${service.url}/jobs/${job.id}`, { headers });
async function stream(job: { id: string }, headers: Record<string, string> = {}, { url } = service): Promise<EventSourceUnderTest> {
  const source = await EventSourceUnderTest.open(`${url}/jobs/${job.id}/events`, { ...asStaff, ...headers });
  opened.push(source);
  return source;
}
const statuses = ({ events }: EventSourceUnderTest) => events.map(({ id, data }) => `${id} ${String(data['status'])}`);

describe('GET /jobs/:jobId (C3)', () => {
  it('shows a job, its ids and how it goes on', async () => {
    const job = await created();
    const { status, headers, body } = await get(job);

    expect(status).toBe(200);
    expect(body).toEqual({
      jobId: job.id,
      kind: 'place-order',
      status: 'PENDING',
      correlationId: job.correlationId,
      orderId: job.subject,
      createdAt: job.createdAt.toISOString(),
    });
    expect(headers.get('retry-after')).toBe('1');
    expect(headers.get('cache-control')).toBe('private, no-cache');
    expect(headers.get('etag')).toBe(`"${job.id}-1"`);

    await start(job);
    expect(await get(job)).toMatchObject({ body: { status: 'RUNNING', startedAt: expect.any(String) as string } });
    await succeed(job, { trackingNumber: 'PT1' });
    const ended = await get(job);
    expect(ended.body).toMatchObject({ status: 'SUCCEEDED', result: { trackingNumber: 'PT1' }, endedAt: expect.any(String) as string });
    expect(ended.headers.get('retry-after')).toBeNull();
  });

  it('tells why a job failed and what can be done', async () => {
    const job = await created();
    await fail(job);

    expect((await get(job)).body).toMatchObject({
      status: 'FAILED',
      failure: { code: 'undeliverable', detail: 'Nobody lives there.', action: 'Give another address.' },
    });
  });

  it('answers 304 as long as nothing has changed', async () => {
    const job = await created();
    const etag = (await get(job)).headers.get('etag')!;

    for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const unchanged = await get(job, { ...asStaff, 'if-none-match': header });
      expect([unchanged.status, unchanged.body, unchanged.headers.get('etag')]).toEqual([304, '', etag]);
    }
    await start(job);
    const changed = await get(job, { ...asStaff, 'if-none-match': etag });
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, `"${job.id}-2"`]);
  });

  it("shows a job to its owner and to staff; somebody else's is like one that does not exist", async () => {
    const job = await created();
    const unknown = { id: newId() };
    const answer = async (asked: { id: string }, headers: Record<string, string>, path = '') => {
      const { status, body, headers: answered } = await ask(`${service.url}/jobs/${asked.id}${path}`, { headers });
      const names = [...answered.keys()].sort();
      return { status, body: JSON.stringify(body).replaceAll(asked.id, 'ID'), names };
    };

    expect((await get(job, asCustomer(job.owner))).status).toBe(200);
    for (const path of ['', '/events']) {
      const strange = await answer(job, asCustomer(newId()), path);
      expect(strange.status).toBe(404);
      expect(strange).toEqual(await answer(unknown, asCustomer(newId()), path));
      expect(strange).toEqual(await answer(unknown, asStaff, path));
      expect(strange.body).toContain('urn:past-tense:problem:job-not-found');
    }
  });

  it('refuses an id that is none', async () => {
    expect((await get({ id: 'me' })).status).toBe(400);
    expect((await stream({ id: 'me' })).status).toBe(400);
  });
});

describe('GET /jobs/:jobId/events', () => {
  it('tells every status as it comes, each with the job as it was then, and ends', async () => {
    const job = await created();
    const source = await stream(job);

    expect(source.status).toBe(200);
    expect(source.header('content-type')).toBe('text/event-stream');
    expect(source.header('cache-control')).toBe('no-store');
    await eventually(() => expect(statuses(source)).toEqual(['1 PENDING']));
    expect(source.text).toMatch(/^retry: \d+\n\n/);
    await start(job);
    await eventually(() => expect(statuses(source)).toEqual(['1 PENDING', '2 RUNNING']));
    await succeed(job, { text: 'two\nlines' });
    await eventually(() => expect(source.complete).toBe(true));
    expect(statuses(source)).toEqual(['1 PENDING', '2 RUNNING', '3 SUCCEEDED']);
    const [pending, running, ended] = source.events;
    expect([pending, running, ended].map((event) => event?.event)).toEqual(['job', 'job', 'job']);
    expect(pending!.data).not.toHaveProperty('startedAt');
    expect(running!.data).not.toHaveProperty('result');
    expect(ended!.data).toEqual((await get(job)).body);
  });

  it('leaves out RUNNING where a job never ran', async () => {
    const job = await created();
    const source = await stream(job);
    await fail(job);

    await eventually(() => expect(source.complete).toBe(true));
    expect(statuses(source)).toEqual(['1 PENDING', '3 FAILED']);
  });

  it('replays what is missing of a job that has ended, and sends away who has all of it', async () => {
    const job = await created();
    await start(job);
    await succeed(job);
    const replayed = async (id?: string) => {
      const source = await stream(job, id ? { 'last-event-id': id } : {});
      await eventually(() => expect(source.complete).toBe(true));
      return [source.status, ...statuses(source)];
    };

    expect(await replayed()).toEqual([200, '1 PENDING', '2 RUNNING', '3 SUCCEEDED']);
    expect(await replayed('1')).toEqual([200, '2 RUNNING', '3 SUCCEEDED']);
    expect(await replayed('2')).toEqual([200, '3 SUCCEEDED']);
    expect(await replayed('3')).toEqual([204]);
    expect(await replayed('nonsense')).toEqual([200, '1 PENDING', '2 RUNNING', '3 SUCCEEDED']);
  });

  it('resumes an open stream after what the client has', async () => {
    const job = await created();
    await start(job);
    const source = await stream(job, { 'last-event-id': '2' });
    await succeed(job);

    await eventually(() => expect(source.complete).toBe(true));
    expect(statuses(source)).toEqual(['3 SUCCEEDED']);
  });

  it('does not take the end for told before there is one', async () => {
    const source = await stream(await created(), { 'last-event-id': '3' });

    expect(source.status).toBe(200);
    await eventually(() => expect(statuses(source)).toEqual(['1 PENDING']));
  });

  it('tells changes that another instance makes, to all who watch', async () => {
    const other = await anInstance();
    const jobs = await Promise.all([1, 2, 3].map(() => created()));
    const sources = await Promise.all([...jobs, ...jobs].map((job) => stream(job)));
    for (const job of jobs) await start(job, other);
    for (const job of jobs) await succeed(job, {}, other);

    await eventually(() => expect(sources.every(({ complete }) => complete)).toBe(true));
    // Two quick changes may be seen as one look at the table; the history tells both all the same.
    for (const source of sources) expect(statuses(source)).toEqual(['1 PENDING', '2 RUNNING', '3 SUCCEEDED']);
  });

  it('tells hundreds who watch one job', async () => {
    const job = await created();
    const sources = await Promise.all(Array.from({ length: 300 }, (_, i) => stream(job, i % 2 ? { 'last-event-id': '1' } : {})));
    await start(job);
    await eventually(() => expect(sources.every(({ text }) => text.includes('RUNNING'))).toBe(true));
    await fail(job);

    await eventually(() => expect(sources.every(({ complete }) => complete)).toBe(true));
    for (const [i, source] of sources.entries())
      expect(statuses(source)).toEqual([...(i % 2 ? [] : ['1 PENDING']), '2 RUNNING', '3 FAILED']);
  });

  it('answers HEAD with the headers and keeps nothing open', async () => {
    const source = await EventSourceUnderTest.open(`${service.url}/jobs/${(await created()).id}/events`, asStaff, 'HEAD');

    expect([source.status, source.header('content-type')]).toEqual([200, 'text/event-stream']);
    await eventually(() => expect(source.complete || source.closed).toBe(true));
  });
});

describe('the streams of an instance', () => {
  it('are so many and no more; a client that leaves makes room', async () => {
    const small = await anInstance({ JOB_STREAMS_MAX: 2 });
    const [one, two, three] = [await created(), await created(), await created()];
    const first = await stream(one, {}, small);
    expect((await stream(two, {}, small)).status).toBe(200);

    const refused = await stream(three, {}, small);
    expect([refused.status, refused.header('retry-after')]).toEqual([429, '5']);
    expect(refused.header('content-type')).toContain('application/problem+json');
    await eventually(() => expect(refused.text).toContain('urn:past-tense:problem:too-many-streams'));

    first.close();
    await eventually(async () => expect((await stream(three, {}, small)).status).toBe(200));
    await succeed(two);
    await eventually(async () => expect((await stream(one, {}, small)).status).toBe(200));
    expect((await stream(two, {}, small)).status).toBe(200); // What has ended needs no room.
  });

  it('show a sign of life, and end after their longest life', async () => {
    const short = await anInstance({ JOB_STREAM_HEARTBEAT_MS: 50, JOB_STREAM_LIFE_MS: 400 });
    const source = await stream(await created(), {}, short);

    await eventually(() => expect(source.text).toMatch(/^:$/m));
    await eventually(() => expect(source.complete).toBe(true));
    expect(statuses(source)).toEqual(['1 PENDING']);
  });

  it('are cut off where the client does not read', async () => {
    const strict = await anInstance({ JOB_STREAMS_MAX: 1, JOB_STREAM_HEARTBEAT_MS: 100 });
    const job = await created();
    const source = await stream(job, {}, strict);
    source.stopReading();
    await succeed(job, { filler: 'x'.repeat(20_000_000) });

    const waiting = await created();
    await eventually(async () => expect((await stream(waiting, {}, strict)).status).toBe(200));
    expect(source.complete).toBe(false);
  });

  it('outlive an outage of the database', async () => {
    const job = await created();
    const source = await stream(job);
    await service.database.entities
      .query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()')
      .catch(() => undefined);
    await eventually(() => start(job));

    await eventually(() => expect(statuses(source)).toEqual(['1 PENDING', '2 RUNNING']));
  });

  it('end in order when the instance stops', async () => {
    const stopping = await startInstance(databaseUrl);
    const job = await created();
    const source = await stream(job, {}, stopping);
    await eventually(() => expect(statuses(source)).toEqual(['1 PENDING']));
    await stopping.close();

    await eventually(() => expect(source.complete).toBe(true));
    const resumed = await stream(job, { 'last-event-id': '1' });
    await succeed(job);
    await eventually(() => expect(statuses(resumed)).toEqual(['3 SUCCEEDED']));
  });
});

describe('the API documentation', () => {
  it('describes both endpoints with their headers and problems', () => {
    const { get: show } = service.document.paths['/jobs/{jobId}']!;
    const { get: events } = service.document.paths['/jobs/{jobId}/events']!;

    expect(Object.keys(show!.responses).sort()).toEqual(['200', '304', '400', '401', '403', '404']);
    const parameters = (show!.parameters as { name: string; required: boolean }[]).map(({ name, required }) => ({ name, required }));
    expect(parameters).toEqual(
      expect.arrayContaining([
        { name: 'jobId', required: true },
        { name: 'If-None-Match', required: false },
      ]),
    );
    expect(parameters).toHaveLength(2);
    expect(show!.responses['200']).toMatchObject({
      headers: { ETag: {}, 'Retry-After': {}, 'Cache-Control': {} },
      content: { 'application/json': { schema: { properties: { orderId: { format: 'uuid' }, failure: { properties: { action: {} } } } } } },
    });
    expect(Object.keys(events!.responses).sort()).toEqual(['200', '204', '400', '401', '403', '404', '429']);
    expect(events!.responses['200']).toMatchObject({ content: { 'text/event-stream': {} } });
    expect(events!.parameters).toContainEqual(expect.objectContaining({ name: 'Last-Event-ID', in: 'header' }));
    expect(events!.responses['429']).toMatchObject({ headers: { 'Retry-After': {} }, content: { 'application/problem+json': {} } });
  });
});
