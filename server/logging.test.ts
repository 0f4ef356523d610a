/** The log carries only allow-listed fields, and a rendered line says the same as the JSON. */
import { expect } from 'chai';
import { type EventFields, openLog, renderLine } from './logging.ts';

function lines(run: (log: ReturnType<typeof openLog>) => void): Record<string, unknown>[] {
  const out: string[] = [];
  run(openLog('court-1', (line) => out.push(line)));
  return out.map((line) => JSON.parse(line));
}

describe('server/logging', () => {
  it('writes one JSON line per event with role, level, time and fields', () => {
    const [line, more] = lines((log) =>
      log('info', 'checkpoint-cosigned', { size: 12, origin: 'ledger.demo.example' }),
    );
    expect(more).equal(undefined);
    expect(line).include({ role: 'court-1', level: 30, event: 'checkpoint-cosigned', size: 12 });
    expect(line?.['time']).match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('drops every field that is not on the list, and anything that is not text or a number', () => {
    const secret = {
      token: 'canary-1',
      authorization: 'canary-2',
      reason: { body: 'canary-3' },
    } as unknown as EventFields;
    expect(JSON.stringify(lines((log) => log('info', 'x', secret)))).not.contain('canary');
  });

  it('cuts long text', () => {
    const [line] = lines((log) => log('warn', 'x', { reason: 'r'.repeat(9000) }));
    expect(line?.['reason']).equal('r'.repeat(2000));
  });

  it('renders an event on one line without control characters', () => {
    const [line] = lines((log) => log('alarm', 'fork-detected', { size: 3, reason: 'two roots\n\u001b[31m' }));
    expect(renderLine(JSON.stringify(line))).equal('ALARM fork-detected size=3 reason="two roots\\n\\u001b[31m"');
    expect(renderLine('plain text')).equal('plain text');
    expect(renderLine('null')).equal('null');
  });
});
