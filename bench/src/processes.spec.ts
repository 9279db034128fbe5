import { spawn } from 'node:child_process';
import { cpuSecondsOf, peakMegabytesOf, readStat, residentMegabytesOf } from './processes';

describe('the processor time of a process', () => {
  it('is its own and that of its children, whatever its name is', () => {
    const stat = '4242 (a) name (x)) S 17 4242 4242 0 -1 4194560 100 0 0 0 250 50 30 20 20 0 11 0 12345 1000 500';

    expect(readStat(stat)).toEqual({ pid: 4242, parent: 17, ticks: 350 });
  });

  it('grows with work, and is known with the memory of a process that runs', () => {
    const before = cpuSecondsOf(process.pid);
    while (cpuSecondsOf(process.pid) < before + 0.02) JSON.stringify(Array.from({ length: 1_000 }));

    expect(residentMegabytesOf(process.pid)).toBeGreaterThan(20);
    expect(peakMegabytesOf(process.pid)).toBeGreaterThan(20);
  });

  it('is refused for one that has ended', async () => {
    const child = spawn('true');
    await new Promise((resolve) => child.once('exit', resolve));

    expect(() => cpuSecondsOf(child.pid!)).toThrow(`There is no process ${child.pid}.`);
  });
});
