import type { Job } from '../job';
import { eventsOf, lastEventId } from './server-sent-events';

const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 8, 0, second));
const pending: Job = {
  id: 'job',
  kind: 'place-order',
  owner: 'owner',
  subject: 'order',
  correlationId: 'flow',
  status: 'PENDING',
  createdAt: at(0),
  expiresAt: at(59),
};
const running: Job = { ...pending, status: 'RUNNING', startedAt: at(1) };
const succeeded: Job = { ...running, status: 'SUCCEEDED', endedAt: at(2), result: { text: 'two\nlines' } };
const show = ({ status, startedAt, result }: Job) => ({ status, startedAt, result });

describe('the events of a job', () => {
  it('are one for each status, each with the job as it was then', () => {
    expect(eventsOf(succeeded, 0, show)).toBe(
      'id: 1\nevent: job\ndata: {"status":"PENDING"}\n\n' +
        'id: 2\nevent: job\ndata: {"status":"RUNNING","startedAt":"2026-11-21T08:00:01.000Z"}\n\n' +
        'id: 3\nevent: job\ndata: {"status":"SUCCEEDED","startedAt":"2026-11-21T08:00:01.000Z","result":{"text":"two\\nlines"}}\n\n',
    );
  });

  it('go on after the last one that the client has', () => {
    expect(eventsOf(running, 1, show)).toMatch(/^id: 2\n[^]*RUNNING[^]*\n\n$/);
    expect(eventsOf(running, 2, show)).toBe('');
  });

  it('leave out what never was', () => {
    const failed: Job = { ...pending, status: 'FAILED', endedAt: at(2), failure: { code: 'c', detail: 'd', action: 'a' } };

    expect(eventsOf(failed, 0, show).match(/^id: .$/gm)).toEqual(['id: 1', 'id: 3']);
    expect(eventsOf(failed, 2, show).match(/^id: .$/gm)).toEqual(['id: 3']);
  });
});

describe('Last-Event-ID', () => {
  it.each([
    ['1', running, 1],
    ['2', running, 2],
    ['3', succeeded, 3],
    ['3', running, 0],
    [undefined, running, 0],
    ['', running, 0],
    ['0', running, 0],
    ['4', succeeded, 0],
    ['1e0', running, 0],
    ['two', running, 0],
  ])('%s counts only if it can be', (header, job, id) => {
    expect(lastEventId(header, job)).toBe(id);
  });
});
