import { OrderCompleted, OrderPlaced, OrderPlacedV2, topicOf } from '@past-tense/contracts';
import { stagesOf, withheldTypes } from './event-versions';

const topics = [OrderPlacedV2, OrderPlaced, OrderCompleted].map(topicOf);
const NAME = 'order.OrderPlaced';
const withheld = (...setting: string[]) => [...withheldTypes('orders', topics, setting)];
const stages = (setting: string[], canShadow = true) => Object.fromEntries(stagesOf('payments', topics, setting, () => canShadow));

describe('the versions a service publishes', () => {
  it('are the oldest of each event, or those that the setting names', () => {
    expect(withheld()).toEqual(['order.v2.OrderPlaced']);
    expect(withheld(`${NAME}=v1+v2`)).toEqual([]);
    expect(withheld(`${NAME}=v2`)).toEqual(['order.v1.OrderPlaced']);
  });

  it.each(['order.OrderPlaced=v3', 'order.OrderPlaced=', 'order.OrderPlaced', 'order.Nothing=v1', 'order.OrderPlaced=v1,v2'])(
    'cannot be set to %s',
    (entry) => {
      expect(() => withheld(entry)).toThrow(
        `PUBLISHED_VERSIONS has "${entry}", but orders states order.OrderPlaced in v1 and v2; it must look like order.OrderPlaced=v1+v2.`,
      );
    },
  );
});

describe('the stage of a consumer', () => {
  it('is the oldest version of what it reacts to in several', () => {
    expect(stages([])).toEqual({ [NAME]: { kind: 'only', version: 1 } });
  });

  it.each([
    ['v2', { kind: 'only', version: 2 }],
    ['shadow:v2', { kind: 'shadow', old: 1, version: 2 }],
    ['canary:v2:10', { kind: 'canary', old: 1, version: 2, percent: 10 }],
    ['canary:v2:100', { kind: 'canary', old: 1, version: 2, percent: 100 }],
  ])('can be %s', (text, stage) => {
    expect(stages([`${NAME}=${text}`])).toEqual({ [NAME]: stage });
  });

  it.each(['v3', 'shadow:v1', 'shadow:v2:10', 'canary:v2', 'canary:v2:101', 'canary:v1:10', 'v2:10', 'V2', ''])(
    'cannot be "%s"',
    (text) => {
      expect(() => stages([`${NAME}=${text}`])).toThrow('payments reacts to order.OrderPlaced in v1 and v2; it must look like');
    },
  );

  it('cannot be two', () => {
    expect(() => stages([`${NAME}=v1`, `${NAME}=v2`])).toThrow('CONSUMED_VERSIONS names order.OrderPlaced twice');
  });

  it('cannot be a shadow where nobody could compare', () => {
    expect(() => stages([`${NAME}=shadow:v2`], false)).toThrow(
      'the reaction of payments to order.v2.OrderPlaced has no outcome() and undo()',
    );
  });
});
