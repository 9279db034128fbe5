import { connectorConfig, properties } from './debezium';

describe('the connector of Debezium', () => {
  it('reads the outbox of the database that it is told', () => {
    const config = connectorConfig({
      url: 'postgres://postgres:a%2Fb@127.0.0.1:5433/bench_1',
      slot: 'bench_1',
      publication: 'bench_outbox',
    });

    expect(config).toMatchObject({
      'database.hostname': '127.0.0.1',
      'database.port': '5433',
      'database.user': 'postgres',
      'database.password': 'a/b',
      'database.dbname': 'bench_1',
      'slot.name': 'bench_1',
      'publication.name': 'bench_outbox',
      transforms: 'outbox,fixed0,fixed1',
    });
    expect(config['transforms.outbox.table.fields.additional.placement']).toContain('aggregate_version:header:ce_sequence');
  });

  it('is written as Java reads it', () => {
    expect(properties({ one: 'a=b', two: 'c\\d' })).toBe('one=a=b\ntwo=c\\\\d\n');
  });
});
