/** Multipart over a real socket: what is read, what is refused, and that nothing on the wire disappears without a word. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect } from 'chai';
import { FILES_MAX } from '../intake/limits.ts';
import { Refusal } from '../refusal.ts';
import { readMultipart } from './multipart.ts';

interface Outcome {
  readonly declaration?: string | undefined;
  readonly files?: { name: string; mediaType: string; text: string }[];
  readonly code?: string;
}

const JSON_BYTES_MAX = 1000;

/** Reads every file whole, after letting others wait. */
async function read(request: IncomingMessage): Promise<Outcome> {
  const files: { name: string; mediaType: string; text: string }[] = [];
  let busy = 0;
  try {
    const declaration = await readMultipart(request, {
      jsonBytesMax: JSON_BYTES_MAX,
      onFile: async ({ name, mediaType, chunks }, number) => {
        expect(++busy, 'one file at a time').to.equal(1);
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks) parts.push(chunk);
        if (name === 'refuse me') throw new Refusal('file-empty', { file: number });
        files.push({ name, mediaType, text: Buffer.concat(parts).toString() });
        busy -= 1;
      },
    });
    return { declaration: declaration === undefined ? undefined : Buffer.from(declaration).toString(), files };
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code };
    throw error;
  }
}

const part = (head: string, body: string): string => `--B\r\n${head}\r\n\r\n${body}\r\n`;
const disposition = (rest: string): string => `Content-Disposition: form-data; ${rest}`;
const file = (name: string, body: string): string =>
  part(`${disposition(`name="file"; filename="${name}"`)}\r\nContent-Type: text/plain`, body);
const declaration = (body: string): string => part(disposition('name="declaration"'), body);
const typed = (type: string, body: string | Buffer, rest = 'name="declaration"'): Buffer =>
  Buffer.concat([
    Buffer.from(`--B\r\n${disposition(rest)}\r\nContent-Type: ${type}\r\n\r\n`),
    Buffer.from(body as string),
    Buffer.from(`\r\n${file('a', 'x')}${END}`),
  ]);
const END = '--B--\r\n';

describe('server/http/multipart', () => {
  let server: Server;
  let outcome: Promise<Outcome>;
  beforeEach(async () => {
    outcome = new Promise((resolve, reject) => {
      server = createServer((request, response) => {
        read(request)
          .then((result) => {
            resolve(result);
            response.end();
          })
          .catch(reject);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function send(
    body: string | Buffer,
    o: { type?: string; length?: number; open?: boolean; byteByByte?: boolean } = {},
  ): Promise<Outcome> {
    const bytes = Buffer.from(body as string, 'utf8');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    const type = o.type ?? 'multipart/form-data; boundary=B';
    socket.write(
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${o.length ?? bytes.length}\r\n\r\n`,
    );
    if (o.byteByByte === true) socket.setNoDelay();
    for (let i = 0; o.byteByByte === true && i < bytes.length; i += 1) {
      socket.write(bytes.subarray(i, i + 1));
      await new Promise(setImmediate);
    }
    if (o.byteByByte !== true) socket.write(bytes);
    if (o.length !== undefined && o.open !== true) socket.end();
    const result = await outcome;
    socket.destroy();
    return result;
  }

  it('reads a declaration and files, in any order, names and bytes as they were sent', async () => {
    const body =
      file('a.txt', 'one') + declaration('{"source":"x"}') + file('../b "c".txt'.replaceAll('"', '\\"'), 'two\r\n-B--');
    expect(await send(body + END)).to.deep.equal({
      declaration: '{"source":"x"}',
      files: [
        { name: 'a.txt', mediaType: 'text/plain', text: 'one' },
        { name: '../b "c".txt', mediaType: 'text/plain', text: 'two\r\n-B--' },
      ],
    });
  });

  it('takes a declaration that was sent as a file, as curl does', async () => {
    const head = `${disposition('name="declaration"; filename="d.json"')}\r\nContent-Type: application/json`;
    expect(await send(part(head, '{}') + file('a', 'x') + END)).to.have.property('declaration', '{}');
  });

  it('handles thousands of small files one after the other', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `f${i}`);
    const { files } = await send(names.map((name) => file(name, `body of ${name}`)).join('') + END);
    expect(files?.map(({ name }) => name)).to.deep.equal(names);
    expect(files?.at(-1)?.text).to.equal('body of f999');
  });

  const refused: [what: string, body: string | Buffer, code: string][] = [
    ['no file', declaration('{}') + END, 'file-missing'],
    ['nothing at all', END, 'file-missing'],
    ['an unknown field', part(disposition('name="note"'), 'x') + file('a', 'x') + END, 'unknown-field'],
    ['a file under another name', part(disposition('name="files"; filename="a"'), 'x') + END, 'unknown-field'],
    ['two declarations', declaration('{}') + declaration('{}') + file('a', 'x') + END, 'declaration-repeated'],
    [
      'a declaration that is too long',
      declaration(' '.repeat(JSON_BYTES_MAX + 1)) + file('a', 'x') + END,
      'body-too-large',
    ],
    [
      'a declaration that is not UTF-8',
      Buffer.concat([
        Buffer.from(declaration('{"source":"#"}')).subarray(0, -6),
        Buffer.from([0xff]),
        Buffer.from(`\r\n${file('a', 'x')}${END}`),
      ]),
      'utf8-invalid',
    ],
    [
      'a file without a name',
      part(`${disposition('name="file"')}\r\nContent-Type: application/octet-stream`, 'x') + END,
      'name-missing',
    ],
    ['a file with an empty name', file('', 'x') + END, 'name-missing'],
    ['a form that does not end', file('a', 'x'), 'multipart-malformed'],
    ['a file that does not end', file('a', 'x').slice(0, -2), 'multipart-malformed'],
    [
      'a part without a disposition, beside a good one',
      part('X: y', 'x') + file('a', 'x') + END,
      'multipart-malformed',
    ],
    [
      'a part with an unreadable disposition, beside a good one',
      file('a', 'x') + part(disposition('name="file"; filename="a\tb'), 'x') + END,
      'multipart-malformed',
    ],
    ['a file behind the end', file('a', 'x') + END + file('b', 'x'), 'multipart-malformed'],
    [
      'an end inside a head, with a file behind it that does not end',
      `--B\r\n${END}${file('a', 'x')}${file('b', 'x').slice(0, -2)}`,
      'multipart-malformed',
    ],
    [
      'a declaration in windows-1252',
      typed('application/json; charset=windows-1252', Buffer.from('{"source":"\x93Vertrag\x94 \x80 500"}', 'latin1')),
      'utf8-invalid',
    ],
    ['UTF-8 that calls itself ASCII', typed('text/plain; charset="US-ASCII"', '{"source":"手机"}'), 'utf8-invalid'],
    [
      'a declaration in UTF-16',
      typed('text/plain;charset=utf-16le', Buffer.from('{"source":"a\ud800"}', 'utf16le')),
      'utf8-invalid',
    ],
    ['a charset that the parser does not know', typed('application/json; charset=gbk', '{}'), 'utf8-invalid'],
    ['a charset on a line of its own', typed('application/json;\r\n charset=gbk', '{}'), 'utf8-invalid'],
    ['two charsets', typed('text/plain; charset=utf-8; Charset=gbk', '{}'), 'multipart-malformed'],
    ['two names', part(disposition('name="file"; filename="a"; filename="b"'), 'x') + END, 'multipart-malformed'],
    [
      'two content types',
      typed('text/plain; charset=utf-8\r\nContent-Type: text/plain; charset=gbk', '{}'),
      'multipart-malformed',
    ],
    [
      'a declaration sent as a file in another charset',
      typed('application/json; charset=gbk', '{}', 'name="declaration"; filename="d.json"'),
      'utf8-invalid',
    ],
    ['a field that names the charset of the form', typed('text/plain', 'gbk', 'name="_charset_"'), 'unknown-field'],
    [
      'a name in UTF-16, here with half a surrogate pair',
      part(disposition(`name="file"; filename*=utf-16le''a%00%00%d8`), 'x') + END,
      'utf8-invalid',
    ],
    ['a name in GBK', part(disposition(`name="file"; filename*=gbk''%ba%cd.txt`), 'x') + END, 'utf8-invalid'],
    ['a name in base64', part(disposition(`name="file"; filename*=base64''abc`), 'x') + END, 'utf8-invalid'],
    [
      'a delimiter inside a head',
      part(`${disposition('name="file"; filename="a"')}\r\nX: y\r\n--B: z`, 'x') + END,
      'multipart-malformed',
    ],
    [
      'a file in base64',
      part(`${disposition('name="file"; filename="a"')}\r\nContent-Transfer-Encoding: base64`, 'aGVsbG8=') + END,
      'multipart-malformed',
    ],
    ['a head without an end', `--B\r\nX: ${'y'.repeat(20_000)}`, 'multipart-malformed'],
    ['what the sink refuses', file('refuse me', 'x') + file('a', 'x') + END, 'file-empty'],
  ];
  for (const [what, body, code] of refused) {
    it(`refuses ${what}: ${code}`, async () => {
      expect(await send(body)).to.deep.equal({ code });
    });
  }

  it('takes a declaration that says it is UTF-8, a file in any charset, and a name in UTF-8 by RFC 8187', async () => {
    const head = `${disposition(`name="file"; filename="x"; filename*=UTF-8''%e5%90%88.txt`)}\r\nContent-Type: text/plain; charset=gbk`;
    const body = `${part(head, 'x')}${part(`${disposition('name="declaration"')}\r\nContent-Type: application/json; charset="UTF-8"`, '{"source":"手机"}')}`;
    expect(await send(body + END)).to.deep.equal({
      declaration: '{"source":"手机"}',
      files: [{ name: '合.txt', mediaType: 'text/plain; charset=gbk', text: 'x' }],
    });
  });

  it('reads a quote and line breaks in a name as browsers write them, and nothing else so', async () => {
    const form = new FormData();
    for (const name of ['say "hi"', 'a\nb', '100%', '%41%2F%0d', 'a\\b']) form.append('file', new Blob(['x']), name);
    const request = new Request('http://x', { method: 'POST', body: form });
    const type = request.headers.get('content-type') as string;
    const { files } = await send(Buffer.from(await request.arrayBuffer()), { type });
    expect(files?.map(({ name }) => name)).to.deep.equal(['say "hi"', 'a\nb', '100%', '%41%2F%0d', 'a\\b']);
  });

  it('reads a name as it is when everything in it is escaped', async () => {
    const head = disposition(`name="file"; filename*=UTF-8''50%2522%250A`);
    const { files } = await send(part(head, 'x') + END);
    expect(files?.[0]?.name).to.equal('50%22%0A');
  });

  it('takes bytes that say they are bytes, and a file without a type', async () => {
    const head = `${disposition('name="file"; filename="a"')}\r\nContent-Transfer-Encoding: Binary`;
    expect(await send(part(head, 'aGVsbG8=') + END)).to.deep.equal({
      declaration: undefined,
      files: [{ name: 'a', mediaType: 'text/plain', text: 'aGVsbG8=' }],
    });
  });

  it('reads heads and delimiters that come byte by byte', async () => {
    const body = declaration('{}') + file('a', '') + file('b', '\r\n--') + END;
    expect(await send(body, { byteByByte: true })).to.deep.equal({
      declaration: '{}',
      files: [
        { name: 'a', mediaType: 'text/plain', text: '' },
        { name: 'b', mediaType: 'text/plain', text: '\r\n--' },
      ],
    });
  });

  for (const boundary of ['"B', '"B\\""', 'B; boundary=C', 'B{}', 'x'.repeat(71)]) {
    it(`refuses the boundary ${boundary}`, async () => {
      const type = `multipart/form-data; boundary=${boundary}`;
      expect(await send(file('a', 'x') + END, { type })).to.deep.equal({ code: 'multipart-malformed' });
    });
  }

  it('refuses a file behind the end before the rest has come', async () => {
    const body = file('a', 'x') + END + file('b', 'x');
    expect(await send(body, { length: 5000, open: true })).to.deep.equal({ code: 'multipart-malformed' });
  });

  it('refuses a content type without a boundary, or with another one', async () => {
    expect(await send('', { type: 'multipart/form-data' })).to.deep.equal({ code: 'multipart-malformed' });
  });

  it('refuses a form under another boundary', async () => {
    const type = 'multipart/form-data; boundary=C';
    expect(await send(file('a', 'x') + END, { type })).to.deep.equal({ code: 'multipart-malformed' });
  });

  it('refuses a body whose sender went away half-way', async () => {
    expect(await send(file('a', 'x').slice(0, -20), { length: 5000 })).to.deep.equal({ code: 'body-truncated' });
  });

  it(`refuses file number ${FILES_MAX + 1}`, async () => {
    expect(await send(file('a', 'x').repeat(FILES_MAX + 1) + END)).to.deep.equal({ code: 'files-too-many' });
  });
});
