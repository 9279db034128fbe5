import {
  afterEarly,
  afterFailure,
  BEHIND,
  DEAD,
  died,
  EARLY,
  onArrival,
  REDRIVE,
  redriven,
  released,
  sentBack,
  SOURCE,
  type AfterDeath,
  type Arrival,
  type Held,
} from './ordered-retry';

// Explores every interleaving of one consumer: source topics, outbox relay, retry tiers, dead letters, crashes between a commit
// and the offset commit, messages delivered again by a member that should be dead, failing attempts, re-drives, and events that
// come before what they need. The decisions are the real ones. Checked in every state: no effect twice, no version overtaken;
// in every final state: nothing lost, no dead end.

interface Event {
  readonly id: string;
  readonly aggregate: string;
  readonly version: number;
  /** Key whose first event must have been applied before. */
  readonly needs?: string;
}

interface Scenario {
  readonly sources: readonly (readonly Event[])[];
  readonly failures: number;
  readonly zombies: number;
  readonly crashes: number;
  readonly redrives?: number;
  readonly gaps?: number;
  readonly afterDeath?: AfterDeath;
  /** A rule taken away, to see that the exploration would notice. */
  readonly without?: 'order' | 'copies' | 'wake-up' | 'release';
}

type Message = readonly [queue: string, id: string, copy: number];

interface State {
  readonly applied: readonly string[];
  /** Held events by id. */
  readonly held: Readonly<Record<string, Held>>;
  readonly outbox: readonly Message[];
  readonly queues: Readonly<Record<string, readonly (readonly [string, number])[]>>;
  readonly committed: Readonly<Record<string, number>>;
  readonly position: Readonly<Record<string, number>>;
  readonly budget: {
    readonly failures: number;
    readonly zombies: number;
    readonly crashes: number;
    readonly redrives: number;
    readonly gaps: number;
  };
}

const TIERS = ['5s', '1m'];

function explore({ sources, afterDeath = 'hold', without, ...budget }: Scenario): { states: number; endings: number; violation?: string } {
  const events = new Map(sources.flat().map((event) => [event.id, event]));
  const queues = [...sources.map((_, i) => `${SOURCE}${i}`), ...TIERS, REDRIVE];
  const zero = Object.fromEntries(queues.map((queue) => [queue, 0]));
  const start: State = {
    applied: [],
    held: {},
    outbox: [],
    queues: Object.fromEntries(queues.map((queue, i) => [queue, (sources[i] ?? []).map(({ id }): [string, number] => [id, 0])])),
    committed: zero,
    position: zero,
    budget: { redrives: 0, gaps: 0, ...budget },
  };

  const heldOf = (state: State, aggregate: string) =>
    Object.values(state.held).filter(({ eventId }) => events.get(eventId)!.aggregate === aggregate);
  const hold = (state: State, ...moved: Held[]): State => ({
    ...state,
    held: { ...state.held, ...Object.fromEntries(moved.map((held) => [held.eventId, held])) },
    outbox: [
      ...state.outbox,
      ...moved
        .filter(({ place }) => place !== BEHIND && place !== EARLY)
        .map(({ place, eventId, copy }): Message => [place, eventId, copy]),
    ],
  });
  const forget = (state: State, id: string): State => {
    const { [id]: _, ...held } = state.held;
    return { ...state, held };
  };
  const release = (state: State, aggregate: string): State =>
    without === 'release' ? state : hold(state, ...released(heldOf(state, aggregate), afterDeath));
  const spend = (state: State, what: keyof State['budget']): State => ({
    ...state,
    budget: { ...state.budget, [what]: state.budget[what] - 1 },
  });

  /** Everything the transaction of one delivery may end in. */
  function deliver(state: State, queue: string, [id, copy]: readonly [string, number]): State[] {
    const event = events.get(id)!;
    const from = queue.startsWith(SOURCE) ? SOURCE : queue;
    const of = heldOf(state, event.aggregate);
    const arrival: Arrival = {
      eventId: id,
      version: event.version,
      from,
      copy: without === 'copies' ? (state.held[id]?.copy ?? copy) : copy,
    };
    const verdict = onArrival(
      arrival,
      state.applied.includes(id),
      without === 'order' ? of.filter(({ eventId }) => eventId === id) : of,
      afterDeath,
    );
    if (verdict.kind === 'done') return [forget(state, id)];
    if (verdict.kind === 'stale') return [state];
    if (verdict.kind === 'behind') return [hold(state, verdict.held)];
    const needed = event.needs !== undefined && !state.applied.some((done) => events.get(done)!.aggregate === event.needs);
    if (needed) return [hold(state, afterEarly(arrival, of))];
    const outcomes = [succeed(state, event)];
    if (state.budget.failures > 0) {
      const moved = afterFailure(arrival, of, TIERS);
      const failed = spend(hold(state, moved), 'failures');
      outcomes.push(moved.place === DEAD ? release(failed, event.aggregate) : failed);
    }
    return outcomes;
  }

  function succeed(state: State, event: Event): State {
    const applied = release({ ...forget(state, event.id), applied: [...state.applied, event.id] }, event.aggregate);
    const waiting = Object.values(applied.held).filter(
      ({ eventId, place }) => place === EARLY && events.get(eventId)!.needs === event.aggregate,
    );
    return without === 'wake-up' ? applied : hold(applied, ...waiting.map(sentBack));
  }

  function next(state: State): State[] {
    const states: State[] = [];
    for (const queue of queues) {
      const log = state.queues[queue]!;
      const position = state.position[queue]!;
      if (position < log.length) {
        for (const after of deliver(state, queue, log[position]!))
          states.push({ ...after, position: { ...after.position, [queue]: position + 1 } });
      }
      if (state.committed[queue]! < position) {
        states.push({ ...state, committed: { ...state.committed, [queue]: position } });
        if (state.budget.crashes > 0)
          states.push(spend({ ...state, position: { ...state.position, [queue]: state.committed[queue]! } }, 'crashes'));
      }
      if (state.budget.zombies > 0)
        for (const message of log.slice(0, position))
          for (const after of deliver(state, queue, message)) states.push(spend(after, 'zombies'));
    }
    const [first, ...rest] = state.outbox;
    if (first) {
      const [queue, id, copy] = first;
      const sent =
        queue === DEAD ? state : { ...state, queues: { ...state.queues, [queue]: [...state.queues[queue]!, [id, copy] as const] } };
      states.push({ ...sent, outbox: rest });
      if (state.budget.crashes > 0 && queue !== DEAD) states.push(spend(sent, 'crashes')); // Sent, and not marked: sent again.
    }
    const dead = Object.values(state.held).filter(({ place }) => place === DEAD);
    if (state.budget.redrives > 0 && dead.length > 0) {
      const { aggregate } = events.get(dead[0]!.eventId)!;
      const together = dead.filter(({ eventId }) => events.get(eventId)!.aggregate === aggregate).sort((a, b) => a.version - b.version);
      states.push(spend(hold(state, ...together.map((held) => redriven(held, TIERS))), 'redrives'));
    }
    if (state.budget.gaps > 0) {
      for (const held of Object.values(state.held).filter(({ place }) => place === EARLY)) {
        states.push(spend(release(hold(state, died(held)), events.get(held.eventId)!.aggregate), 'gaps'));
      }
    }
    return states;
  }

  function violated(state: State, final: boolean): string | undefined {
    if (new Set(state.applied).size !== state.applied.length) return 'applied twice';
    if (afterDeath === 'hold') {
      for (const source of sources) {
        const order = state.applied.filter((id) => source.some((event) => event.id === id));
        if (order.some((id, i) => i > 0 && precedes(events.get(id)!, events.get(order[i - 1]!)!))) return 'overtaken';
      }
    }
    if (!final) return undefined;
    for (const { id, aggregate, version } of events.values()) {
      if (state.applied.includes(id) || state.held[id]?.place === DEAD) continue;
      const behindDeath = heldOf(state, aggregate).some((held) => held.place === DEAD && held.version < version);
      if (!(afterDeath === 'hold' && state.held[id]?.place === BEHIND && behindDeath)) return `stuck: ${id}`;
    }
    return undefined;
  }

  const seen = new Set([JSON.stringify(start)]);
  const open = [start];
  let endings = 0;
  for (let state = open.pop(); state; state = open.pop()) {
    const states = next(state);
    if (states.length === 0) endings += 1;
    const violation = violated(state, states.length === 0);
    if (violation) return { states: seen.size, endings, violation };
    for (const after of states) {
      const key = JSON.stringify(after);
      if (!seen.has(key)) {
        seen.add(key);
        open.push(after);
      }
    }
  }
  return { states: seen.size, endings };
}

const precedes = (a: Event, b: Event) => a.aggregate === b.aggregate && a.version < b.version;
const [a1, a2, a3] = [1, 2, 3].map((version): Event => ({ id: `a${version}`, aggregate: 'a', version }));
const [b1, b2] = [1, 2].map((version): Event => ({ id: `b${version}`, aggregate: 'b', version, ...(version === 1 && { needs: 'a' }) }));

describe('order under retry: every interleaving (D4)', () => {
  it.each<[string, Scenario]>([
    ['two events, one topic', { sources: [[a1!, a2!]], failures: 3, zombies: 1, crashes: 1 }],
    ['two events, re-driven after death', { sources: [[a1!, a2!]], failures: 3, zombies: 0, crashes: 1, redrives: 1 }],
    ['two events, re-driven, and a zombie', { sources: [[a1!, a2!]], failures: 3, zombies: 1, crashes: 0, redrives: 1 }],
    ['three events, one topic', { sources: [[a1!, a2!, a3!]], failures: 2, zombies: 0, crashes: 1 }],
    ['three events and a zombie', { sources: [[a1!, a2!, a3!]], failures: 2, zombies: 1, crashes: 0 }],
    ['two events, skipping the dead', { sources: [[a1!, a2!]], failures: 4, zombies: 1, crashes: 1, afterDeath: 'skip' }],
    [
      'three events, skipping the dead',
      { sources: [[a1!, a2!, a3!]], failures: 3, zombies: 0, crashes: 0, redrives: 1, afterDeath: 'skip' },
    ],
    ['two topics of one aggregate', { sources: [[a1!, a3!], [a2!]], failures: 2, zombies: 0, crashes: 1 }],
    ['no failure at all', { sources: [[a1!, a2!, a3!]], failures: 0, zombies: 2, crashes: 2 }],
    ['an event that may come before what it needs', { sources: [[b1!, b2!], [a1!]], failures: 1, zombies: 1, crashes: 1 }],
    [
      'an event that waits too long for what it needs',
      { sources: [[b1!, b2!], [a1!]], failures: 0, zombies: 0, crashes: 1, redrives: 1, gaps: 1 },
    ],
    [
      'an event that waits too long, and what is behind it is not held',
      { sources: [[b1!, b2!], [a1!]], failures: 0, zombies: 1, crashes: 0, gaps: 1, afterDeath: 'skip' },
    ],
  ])('%s', (_, scenario) => {
    const { states, endings, violation } = explore(scenario);

    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(100);
    expect(endings).toBeGreaterThan(0);
  });

  it.each<[string, Scenario, string]>([
    ['the order rule', { sources: [[a1!, a2!]], failures: 1, zombies: 0, crashes: 0, without: 'order' }, 'overtaken'],
    ['the release', { sources: [[a1!, a2!]], failures: 1, zombies: 0, crashes: 0, without: 'release' }, 'stuck: a2'],
    ['the wake-up', { sources: [[b1!], [a1!]], failures: 0, zombies: 0, crashes: 0, without: 'wake-up' }, 'stuck: b1'],
  ])('without %s it would be noticed', (_, scenario, violation) => {
    expect(explore(scenario).violation).toBe(violation);
  });
});

describe('the decisions, one by one', () => {
  const held = (eventId: string, version: number, place: string, level = 1): Held => ({ eventId, version, place, level, copy: 1 });
  const from = (eventId: string, version: number, queue = SOURCE, copy = 0): Arrival => ({ eventId, version, from: queue, copy });

  it('an event goes through the tiers in order and then dies', () => {
    const places = [0, 1, 2].map((level) => afterFailure(from('a1', 1), level ? [held('a1', 1, 'x', level)] : [], TIERS).place);
    expect(places).toEqual(['5s', '1m', DEAD]);
  });

  it('an earlier version that comes late goes first', () => {
    expect(onArrival(from('a1', 1), false, [held('a2', 2, '5s')], 'hold')).toEqual({ kind: 'react', level: 0 });
  });

  it('a message from a queue counts only if it is the live copy', () => {
    expect(onArrival(from('a1', 1, '5s', 1), false, [held('a1', 1, '5s')], 'hold')).toEqual({ kind: 'react', level: 1 });
    expect(onArrival(from('a1', 1, '5s', 1), false, [{ ...held('a1', 1, '5s'), copy: 2 }], 'hold')).toEqual({ kind: 'stale' });
    expect(onArrival(from('a1', 1, '5s', 1), false, [held('a1', 1, '1m')], 'hold')).toEqual({ kind: 'stale' });
    expect(onArrival(from('a1', 1, '5s', 1), false, [], 'hold')).toEqual({ kind: 'stale' });
    expect(onArrival(from('a1', 1), false, [held('a1', 1, '5s')], 'hold')).toEqual({ kind: 'stale' });
  });

  it('behind a dead event the later ones wait or go on, as the consumer says', () => {
    expect(onArrival(from('a2', 2), false, [held('a1', 1, DEAD)], 'hold').kind).toBe('behind');
    expect(onArrival(from('a2', 2), false, [held('a1', 1, DEAD)], 'skip').kind).toBe('react');
  });

  it('releases up to the next one that still waits', () => {
    const waiting = [held('a5', 5, BEHIND), held('a2', 2, BEHIND), held('a3', 3, BEHIND), held('a4', 4, '1m')];
    expect(released(waiting, 'hold').map(({ eventId, place, copy }) => [eventId, place, copy])).toEqual([
      ['a2', REDRIVE, 2],
      ['a3', REDRIVE, 2],
    ]);
  });
});
