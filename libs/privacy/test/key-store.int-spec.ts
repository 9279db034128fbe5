import { fact, fromSealedText, isSealed, OrderPlaced, personalTextsOf } from '@past-tense/contracts';
import { isDatabaseUnavailable } from '@past-tense/database';
import { eventually, uniqueName } from '@past-tense/testing';
import { randomUUID } from 'node:crypto';
import {
  DataKeys,
  KeyBrokenError,
  KeyMissingError,
  keyPermissions,
  MasterKeyMissingError,
  PersonalData,
  PersonForgottenError,
  SealBrokenError,
  type KeyRef,
  type KeyStore,
  type OpenKeyStore,
} from '../src';
import { permissionsOf, postgres, transit, type RunningKeyStore } from './key-stores';

const anOrder = (customerId: string) =>
  fact(OrderPlaced, {
    orderId: randomUUID(),
    customerId,
    lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500n, currency: 'EUR' } }],
    total: { minorUnits: 500n, currency: 'EUR' },
    paymentToken: 'tok_visa',
    deliveryAddress: { recipient: 'Ada Lovelace', street: 'Main Street 1', city: 'Zürich', postalCode: '8001', country: 'CH' },
  }).data;

const services = {
  producer: uniqueName('producer'),
  reader: uniqueName('reader'),
  other: uniqueName('other'),
  stranger: uniqueName('stranger'),
};
const { producer, reader, other, stranger } = services;
const both = [other, reader].sort().join('+');
/** Who may do what in the store of this suite: the services of the contracts, and those of the suite. */
const [ofContracts, ofSuite] = [keyPermissions(), permissionsOf(services)];
const permissions = { ...ofSuite, readers: [...ofContracts.readers, ...ofSuite.readers] };

const OPENBAO = process.env['OPENBAO_BINARY'];
if (!OPENBAO) process.stderr.write('OPENBAO_BINARY names no program: the key store over transit is NOT tested (docs/data-keys.md).\n');
const stores = [['PostgreSQL', postgres] as const, ...(OPENBAO ? [['transit', transit] as const] : [])];
it('lets those in whom the contracts name', () => {
  expect(ofContracts).toEqual({
    sealers: ['orders'],
    users: ['orders', 'payments', 'shipping'],
    readers: ['orders', 'payments', 'shipping'],
  });
});

describe.each(stores)('a key store: %s', (_, start) => {
  let running: RunningKeyStore;
  let owner: OpenKeyStore;
  const opened: OpenKeyStore[] = [];
  const keep = async (opening: Promise<OpenKeyStore>) => {
    const one = await opening;
    opened.push(one);
    return one;
  };
  beforeAll(async () => {
    running = await start();
    owner = await keep(running.open());
    await running.introduce(Object.values(services));
    await owner.prepare(permissions);
  });
  afterAll(async () => {
    for (const one of opened) await one.close();
    await running.end();
  });

  /** A service on the key store of this suite, with a cache of its own and the rights of the owner. */
  const as = (service: string, cachedMs = 5_000, store: KeyStore = owner.store) =>
    new PersonalData(service, new DataKeys(store, { cachedMs }));
  /** As a service has it, with its own rights. */
  const storeOf = async (service: string) => (await keep(running.openAs(service))).store;
  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'sealed',
      (error: Error) => error.name,
    );

  describe('an event', () => {
    it('is read by each service as far as the contract lets it, and by nobody else', async () => {
      const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
      const sealed = await as('orders').sealEvent(OrderPlaced, data, eventId);

      expect(personalTextsOf(OrderPlaced, sealed).every(({ text }) => isSealed(text))).toBe(true);
      expect(sealed.deliveryAddress!.country).toBe('CH');
      const shipping = await as('shipping').openEvent(OrderPlaced, sealed, eventId);
      expect(shipping).toMatchObject({ deliveryAddress: data.deliveryAddress, paymentToken: sealed.paymentToken });
      const payments = await as('payments').openEvent(OrderPlaced, sealed, eventId);
      expect(payments).toMatchObject({ deliveryAddress: sealed.deliveryAddress, paymentToken: 'tok_visa' });
      expect(await as('tracking').openEvent(OrderPlaced, sealed, eventId)).toEqual(sealed);
    });

    it('that was written before anything was sealed is read as it is', async () => {
      const data = anOrder(randomUUID());

      expect(await as('shipping').openEvent(OrderPlaced, data, randomUUID())).toEqual(data);
    });

    it('does not open as another event, in another field, for another person, or altered', async () => {
      const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
      const sealed = await as('orders').sealEvent(OrderPlaced, data, eventId);
      const elses = await as('orders').sealEvent(OrderPlaced, anOrder(randomUUID()), eventId);
      const opened = (address: Partial<NonNullable<typeof data.deliveryAddress>>, id = eventId) =>
        as('shipping').openEvent(OrderPlaced, { ...sealed, deliveryAddress: { ...sealed.deliveryAddress!, ...address } }, id);

      await expect(opened({}, randomUUID())).rejects.toThrow(SealBrokenError);
      await expect(opened({ city: sealed.deliveryAddress!.street })).rejects.toThrow(
        'delivery_address.city is sealed and does not open: it was altered, or comes from another event or person',
      );
      await expect(opened({ city: elses.deliveryAddress!.city })).rejects.toThrow(SealBrokenError);
      const bytes = fromSealedText(sealed.deliveryAddress!.city)!;
      bytes[20]! ^= 1;
      await expect(opened({ city: `sealed.v1.${bytes.toString('base64url')}` })).rejects.toThrow(SealBrokenError);
      expect(await opened({})).toMatchObject({ deliveryAddress: { city: 'Zürich' } });
    });

    it('is not opened with a key that is not there', async () => {
      const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
      const sealed = await as('orders').sealEvent(OrderPlaced, data, eventId);
      await running.lose({ person: data.customerId, readers: 'shipping' });

      await expect(as('shipping').openEvent(OrderPlaced, sealed, eventId)).rejects.toThrow(KeyMissingError);
    });
  });

  describe('a key', () => {
    it('is the same for all who make it at once', async () => {
      const refs = Array.from({ length: 20 }, () => ({ person: randomUUID(), readers: 'shipping' }));
      const others = await Promise.all(Array.from({ length: 4 }, () => keep(running.open())));
      const made = await Promise.all([owner, ...others].map(({ store }) => store.make(refs)));

      for (const keys of made) expect(keys).toEqual(made[0]);
      expect(new Set(made[0]!.map((key) => (key as Buffer).toString('hex'))).size).toBe(20);
      expect(await owner.store.find(refs)).toEqual(made[0]);
    });

    it('unwraps for nobody but whose it is', async () => {
      const [mine, theirs] = [randomUUID(), randomUUID()].map((person) => ({ person, readers: 'shipping' })) as [KeyRef, KeyRef];
      await owner.store.make([mine, theirs]);
      await running.poke(theirs, await running.peek(mine));

      await expect(owner.store.find([theirs])).rejects.toThrow(KeyBrokenError);
      await expect(owner.store.find([theirs])).rejects.toThrow(
        `the data key of ${theirs.person} for shipping does not unwrap: it was altered, or `,
      );
      await running.lose(theirs);
    });

    it('is not in the store as it is', async () => {
      const ref = { person: randomUUID(), readers: 'shipping' };
      const [key] = (await owner.store.make([ref])) as [Buffer];
      const kept = Buffer.from((await running.peek(ref)) as string | Buffer);

      expect(kept.includes(key) || kept.includes(key.toString('base64'))).toBe(false);
    });
  });

  describe('a person who was forgotten', () => {
    it('is forgotten in every event, sealed or not, and nothing can be sealed about them any more', async () => {
      const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
      const person = data.customerId;
      const orders = as('orders');
      const sealed = await orders.sealEvent(OrderPlaced, data, eventId);
      const kept = await as('shipping').seal({ person, holder: 'shipment/1', texts: { city: 'Zürich' } });
      await orders.forget(person);
      await orders.forget(person);

      expect(await as('shipping').openEvent(OrderPlaced, sealed, eventId)).toBe('forgotten');
      expect(await as('shipping').openEvent(OrderPlaced, data, eventId)).toBe('forgotten');
      expect(await as('shipping').open({ person, holder: 'shipment/1', texts: kept })).toBeUndefined();
      await expect(orders.sealEvent(OrderPlaced, data, randomUUID())).rejects.toThrow(PersonForgottenError);
      expect(await as('tracking').openEvent(OrderPlaced, sealed, eventId)).toEqual(sealed);
    });

    it('is forgotten for readers too for whom there never was a key, those included who are named later', async () => {
      const person = randomUUID();
      await owner.store.forget(person);
      const later = uniqueName('later');
      await owner.prepare({ ...permissions, readers: [...permissions.readers, later] });

      expect(await owner.store.make([both, later].map((readers) => ({ person, readers })))).toEqual(['forgotten', 'forgotten']);
    });

    it('leaves every cache soon', async () => {
      const person = randomUUID();
      const shipping = as('shipping', 300);
      const kept = {
        person,
        holder: 'shipment/1',
        texts: await shipping.seal({ person, holder: 'shipment/1', texts: { city: 'Zürich' } }),
      };
      expect(await shipping.open(kept)).toEqual({ city: 'Zürich' });
      await as('orders').forget(person);

      await eventually(async () => expect(await shipping.open(kept)).toBeUndefined());
    });

    it('gets no key, however closely making one and forgetting meet', async () => {
      const people = Array.from({ length: 20 }, () => randomUUID());
      const outcomes = await Promise.all(
        people.flatMap((person) => [
          outcomeOf(as('orders').sealEvent(OrderPlaced, anOrder(person), randomUUID())),
          as('orders').forget(person),
          outcomeOf(as('shipping').seal({ person, holder: 'x', texts: { a: 'b' } })),
        ]),
      );

      const told = new Set(outcomes.filter((one) => one !== undefined));
      told.delete('sealed'); // Before they were forgotten.
      expect([...told].every((one) => one === 'PersonForgottenError')).toBe(true);
      const refs = people.flatMap((person) => ['payments', 'shipping'].map((readers) => ({ person, readers })));
      expect(new Set(await owner.store.find(refs))).toEqual(new Set(['forgotten']));
      for (const ref of refs) expect(await running.peek(ref)).toBeUndefined();
    });
  });

  describe('the keys of a batch', () => {
    it('are looked up at once, and then known for a while', async () => {
      const events = await Promise.all(
        Array.from({ length: 50 }, async () => {
          const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
          return { eventId, data: await as('orders').sealEvent(OrderPlaced, data, eventId) };
        }),
      );
      const find = jest.spyOn(owner.store, 'find');
      const shipping = as('shipping', 60_000);
      const openAll = () => Promise.all(events.map(({ data, eventId }) => shipping.openEvent(OrderPlaced, data, eventId)));

      await openAll();
      await openAll();
      expect(find.mock.calls.map(([refs]) => refs.length)).toEqual([50]);
      find.mockRestore();
    });

    it('are made together when they are wanted while others are looked up', async () => {
      const make = jest.spyOn(owner.store, 'make');
      const lookUp = owner.store.find.bind(owner.store);
      let wantAll!: () => void;
      const allWanted = new Promise<void>((resolve) => (wantAll = resolve));
      // The store answers nobody before all are wanted; otherwise how many are wanted meanwhile would depend on how busy the machine is.
      const find = jest.spyOn(owner.store, 'find').mockImplementation(async (...args) => {
        await allWanted;
        return await lookUp(...args);
      });
      const orders = as('orders');
      const sealed: Promise<unknown>[] = [];
      for (let i = 0; i < 40; i += 1) {
        sealed.push(orders.sealEvent(OrderPlaced, anOrder(randomUUID()), randomUUID()));
        await new Promise((resolve) => setImmediate(resolve)); // Each in a turn of its own.
      }

      wantAll();
      await Promise.all(sealed);
      const sizes = make.mock.calls.map(([refs]) => refs.length);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(80);
      expect(sizes.length).toBeLessThan(20);
      make.mockRestore();
      find.mockRestore();
    });

    it('fail together when the store is away, which is an outage and no verdict, and are looked up anew afterwards', async () => {
      const [person, proxy] = [randomUUID(), await running.proxy()];
      const texts = await as('shipping').seal({ person, holder: 'x', texts: { a: 'b' } });
      const { store } = await keep(running.openThrough(proxy));
      const shipping = as('shipping', 5_000, store);
      await proxy.cut();

      const error: unknown = await shipping.open({ person, holder: 'x', texts }).catch((caught: unknown) => caught);
      expect(isDatabaseUnavailable(error) || (error as { failure?: string }).failure === 'unavailable').toBe(true);
      await proxy.mend();
      await eventually(async () => expect(await shipping.open({ person, holder: 'x', texts })).toEqual({ a: 'b' }));
      await proxy.cut();
    });
  });

  // Every service asks with its own rights here, and it is the server that refuses.
  describe('permissions', () => {
    it('let a reader make and find its own keys, also those that it shares', async () => {
      const [store, person] = [await storeOf(reader), randomUUID()];
      const refs = [reader, both].map((readers) => ({ person, readers }));
      const made = await store.make(refs);

      expect(await store.find(refs)).toEqual(made);
      expect(await (await storeOf(other)).find([refs[1]!])).toEqual([made[1]]);
    });

    it('show nobody the keys of others', async () => {
      const ref = { person: randomUUID(), readers: reader };
      await owner.store.make([ref]);
      const seen = (await storeOf(other)).find([ref]);

      // PostgreSQL shows no such row, OpenBao refuses.
      expect(await seen.catch((error: Error) => error.message)).toEqual(
        start === postgres ? [undefined] : expect.stringContaining('refuses'),
      );
      await expect((await storeOf(other)).make([{ person: randomUUID(), readers: reader }])).rejects.toThrow();
    });

    it('let a reader destroy nothing', async () => {
      const ref = { person: randomUUID(), readers: reader };
      const made = await owner.store.make([ref]);

      await expect((await storeOf(reader)).forget(ref.person)).rejects.toThrow();
      expect(await owner.store.find([ref])).toEqual(made);
    });

    it('do not let a reader bring back whom the producer forgot', async () => {
      const [store, ref] = [await storeOf(reader), { person: randomUUID(), readers: reader }];
      await store.make([ref]);
      await (await storeOf(producer)).forget(ref.person);

      expect(await store.find([ref])).toEqual(['forgotten']);
      expect(await store.make([ref])).toEqual(['forgotten']);
      expect(await running.peek(ref)).toBeUndefined();
    });

    it('let the producer make keys for all, and nobody but the owner wrap them anew', async () => {
      const [store, ref] = [await storeOf(producer), { person: randomUUID(), readers: reader }];
      const [made] = await store.make([ref]);

      expect(await (await storeOf(reader)).find([ref])).toEqual([made]);
      for (const service of [producer, reader]) await expect((await storeOf(service)).rewrap()).rejects.toThrow();
    });

    it('let nobody else in, and nobody any more whom the contracts no longer name', async () => {
      const refused = async (service: string) => {
        const one = await running.openAs(service);
        await one.checkAccess(service).finally(() => one.close());
      };
      await expect(refused(stranger)).rejects.toThrow();
      await refused(other);
      await owner.prepare({ ...permissions, users: permissions.users.filter((user) => user !== other) });

      await expect(refused(other)).rejects.toThrow();
      await owner.prepare(permissions);
      await refused(other);
    });
  });

  describe('the master key', () => {
    it('is changed while people are forgotten, who stay forgotten', async () => {
      const refs = Array.from({ length: 30 }, () => ({ person: randomUUID(), readers: 'shipping' }));
      await owner.store.make(refs);
      await running.changeMasterKey();
      const { store } = await keep(running.open());
      await Promise.all([store.rewrap(), ...refs.map(({ person }) => store.forget(person))]);

      expect(new Set(await store.find(refs))).toEqual(new Set(['forgotten']));
    });

    it('is changed without touching what is sealed, and then the old one opens nothing (rewrap)', async () => {
      const ref = { person: randomUUID(), readers: 'shipping' };
      const kept = {
        person: ref.person,
        holder: 'x',
        texts: await as('shipping').seal({ person: ref.person, holder: 'x', texts: { a: 'b' } }),
      };
      const backup = await running.peek(ref);
      const opens = async () => as('shipping', 1, (await keep(running.open())).store).open(kept);
      const forgotten = randomUUID();
      await owner.store.forget(forgotten);

      await running.changeMasterKey();
      expect(await opens()).toEqual({ a: 'b' });
      const { store } = await keep(running.open());
      expect(await store.rewrap()).toBeGreaterThan(0);
      expect(await store.rewrap()).toBe(0);
      await running.dropOldMasterKeys();
      expect(await opens()).toEqual({ a: 'b' });
      expect(await store.find([{ person: forgotten, readers: 'shipping' }])).toEqual(['forgotten']);

      await running.poke(ref, backup);
      await expect(opens()).rejects.toThrow(MasterKeyMissingError);
      await expect(opens()).rejects.toMatchObject({ failure: 'unavailable' });
    });
  });
});
