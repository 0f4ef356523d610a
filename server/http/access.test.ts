/** Who may do what: every route of the list against every kind of caller. A route that is added is tested by being there. */
import { expect } from 'chai';
import { platformRoutes } from '../app.ts';
import { TestConsortium } from '../roles/testing.ts';
import { digests, until } from '../testing.ts';
import type { DepositView } from './deposit-view.ts';
import type { Platform } from './platform.ts';

/** An id that never was, of the same form. */
const UNKNOWN = '01900000-0000-7000-8000-000000000000';

/** A path of a route with its parameters filled in. */
const pathOf = (pattern: string, id: string): string =>
  pattern.replace(':id', id).replace(':n', '1').replace('*path', 'entries/000.p/1');

describe('server/http access', () => {
  let consortium: TestConsortium;
  let own: DepositView;
  before(async () => {
    consortium = await TestConsortium.start({}, 1, 1);
    const body = JSON.stringify({ files: digests('mine').files });
    const headers = { 'content-type': 'application/json', prefer: 'wait=30' };
    own = (await (await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers })).json()) as DepositView;
    expect(own.state).to.equal('certified');
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });
  after(() => consortium.end());

  const routes = platformRoutes({} as Platform);
  const privateRoutes = routes.filter(({ access }) => access === 'party');
  const owned = privateRoutes.filter(({ path }) => path.includes(':id'));

  /** Everything of an answer but its date. */
  async function answer(path: string, method: string, token: string | undefined): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = { authorization: token === undefined ? '' : `Bearer ${token}` };
    const response = await fetch(`${consortium.url()}${path}`, { method, headers });
    const { date: _date, ...rest } = Object.fromEntries(response.headers);
    return { status: response.status, headers: rest, body: await response.text() };
  }

  const codeOf = ({ body }: Record<string, unknown>): string => JSON.parse(body as string).code;

  it('has the routes that scripts rely on', () => {
    const names = routes.map(({ method, path }) => `${method} ${path}`);
    expect(names).to.include.members([
      'POST /api/v1/deposits',
      'POST /api/v1/deposits/batch',
      'GET /api/v1/deposits/:id/certificate',
      'GET /api/v1/lookup',
      'GET /ledger/checkpoint',
      'GET /readyz',
    ]);
    expect(owned).to.have.length(6);
  });

  for (const { method, path } of privateRoutes) {
    it(`${method} ${path} refuses whoever has no valid token, whatever exists`, async () => {
      const expired = consortium.createToken('late', '2020-01-01T00:00:00Z');
      const cases: [token: string | undefined, code: string][] = [
        [undefined, 'token-missing'],
        [`${consortium.token.slice(0, -1)}z`, 'token-unknown'],
        [expired, 'token-expired'],
      ];
      for (const [token, code] of cases) {
        const real = await answer(pathOf(path, own.id), method, token);
        expect(real).to.deep.equal(await answer(pathOf(path, UNKNOWN), method, token));
        expect(real['status']).to.equal(401);
        expect(codeOf(real)).to.equal(code);
        expect((real['headers'] as Record<string, string>)['www-authenticate']).to.match(/^Bearer/);
      }
    });
  }

  for (const { method, path } of owned) {
    it(`${method} ${path} answers its owner, and everybody else exactly as for an id that never was`, async () => {
      // Only digests were deposited: the file itself is refused, to its owner too.
      const expected = path.endsWith('/files/:n') ? 404 : 200;
      expect((await answer(pathOf(path, own.id), method, consortium.token))['status']).to.equal(expected);
      const unknown = await answer(pathOf(path, UNKNOWN), method, consortium.otherToken);
      expect(unknown['status']).to.equal(404);
      expect(codeOf(unknown)).to.equal('deposit-not-found');
      expect(await answer(pathOf(path, own.id), method, consortium.otherToken)).to.deep.equal(unknown);
      expect(await answer(pathOf(path, own.id), 'HEAD', consortium.otherToken)).to.include({ status: 404, body: '' });
      for (const guess of [
        own.id.toUpperCase(),
        `${own.id}%20`,
        '..',
        '%2e%2e',
        'a/b',
        '%00',
        '%zz',
        'x'.repeat(5000),
      ]) {
        const { status, body } = await answer(pathOf(path, guess), method, consortium.token);
        expect(status, guess).to.be.oneOf([400, 404]);
        expect(body, guess).not.to.include(own.id);
      }
    });
  }

  for (const { method, path } of routes.filter(({ access }) => access === 'public')) {
    it(`${method} ${path} needs no token and says nothing about anybody`, async () => {
      const query = path.endsWith('/lookup') ? `?sha256=${own.files[0]?.sha256}` : '';
      const { status, body } = await answer(pathOf(path, own.id) + query, method, undefined);
      expect(status).to.equal(200);
      for (const secret of ['demo', own.files[0]?.name ?? '', consortium.token])
        expect(body).not.to.include(`"${secret}"`);
    });
  }

  it('answers a path that is nobody’s with 404, and a known one with another method with 405 and the methods', async () => {
    const nowhere = await answer('/api/v1/nothing', 'GET', undefined);
    expect(nowhere['status']).to.equal(404);
    expect(codeOf(nowhere)).to.equal('not-found');
    for (const { path } of routes) {
      const { status, headers, body } = await answer(pathOf(path, own.id), 'DELETE', undefined);
      expect(status, path).to.equal(405);
      expect((headers as Record<string, string>)['allow'], path).to.match(/GET|POST/);
      expect(JSON.parse(body as string).code).to.equal('method-not-allowed');
    }
  });

  it('says why an artefact cannot be had', async () => {
    const cases: [path: string, status: number, code: string][] = [
      ['/files/1', 404, 'file-not-held'],
      ['/files/2', 404, 'file-not-found'],
      ['/files/0', 404, 'file-not-found'],
      ['/files/1x', 404, 'file-not-found'],
      ['/files/99999999999999999999', 404, 'file-not-found'],
      ['/certificate?file=0', 400, 'query-invalid'],
      ['/certificate?file=', 400, 'query-invalid'],
      ['/certificate?file=1&file=1', 400, 'query-invalid'],
      ['/certificate?file=2', 404, 'file-not-found'],
      ['/nothing', 404, 'not-found'],
    ];
    for (const [path, status, code] of cases) {
      const refused = await answer(`${own.links['self']}${path}`, 'GET', consortium.token);
      expect([refused['status'], codeOf(refused)], path).to.deep.equal([status, code]);
    }
  });

  it('takes a revoked token for unknown from the next request on', async () => {
    const token = consortium.createToken('soon-gone', null);
    expect((await answer('/api/v1/deposits/x', 'GET', token))['status']).to.equal(404);
    consortium.revoke('soon-gone');
    expect(codeOf(await answer('/api/v1/deposits/x', 'GET', token))).to.equal('token-unknown');
  });
});
