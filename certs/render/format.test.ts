import { expect } from 'chai';
import { grouped, humanSize, momentOf, momentOfSeconds } from './format.ts';

describe('certs/render/format', () => {
  it('groups digits', () => {
    expect([0, 999, 1_000, 1_234_567, Number.MAX_SAFE_INTEGER].map(grouped)).to.deep.equal([
      '0',
      '999',
      '1,000',
      '1,234,567',
      '9,007,199,254,740,991',
    ]);
  });

  it('gives sizes in binary units', () => {
    expect([0, 1_023, 1_024, 1_536, 2_345_678, Number.MAX_SAFE_INTEGER].map(humanSize)).to.deep.equal([
      undefined,
      undefined,
      '1.00 KiB',
      '1.50 KiB',
      '2.24 MiB',
      '8.00 PiB',
    ]);
  });

  it('gives times in Beijing and in UTC, as exact as they came', () => {
    expect(momentOf('2026-12-31T16:00:00.007Z')).to.deep.equal({
      beijing: '2027-01-01 00:00:00.007',
      utc: '2026-12-31 16:00:00.007',
    });
    expect(momentOf('2026-11-22T07:52:36Z')).to.deep.equal({
      beijing: '2026-11-22 15:52:36',
      utc: '2026-11-22 07:52:36',
    });
    expect(momentOfSeconds(0n)).to.deep.equal({ beijing: '1970-01-01 08:00:00', utc: '1970-01-01 00:00:00' });
  });

  it('gives a time beyond the calendar as the number it is', () => {
    expect(momentOfSeconds(2n ** 63n - 1n).utc).to.equal('POSIX 9223372036854775807');
    expect(momentOfSeconds(8_640_000_000_000n - 8n * 3_600n).utc).to.match(/^\+275760/);
  });
});
