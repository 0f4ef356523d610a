/**
 * The parts of a multipart/form-data body as they stand on the wire: how many there are, and what their heads say that the parser
 * keeps to itself. It passes over a part whose head it cannot read without a word, and decodes texts by whatever charset a head names.
 * Reads no contents. RFC 2046 section 5.1.1: the delimiter with two hyphens behind it is the last.
 */
import { Refusal } from '../refusal.ts';

/** What a head says beside what the parser hands on. */
export interface PartHead {
  /** The contents are text in UTF-8, as far as the head says. */
  readonly isUtf8: boolean;
  /** The whole Content-Type; undefined when there is none. */
  readonly contentType: string | undefined;
  /** The file name is that of `filename*`, in which everything is escaped. */
  readonly hasExtendedName: boolean;
}

const LINE_END = '\r\n';

/**
 * The boundary that a Content-Type names. Its form leaves nothing to read in two ways: RFC 2046 section 5.1.1, bchars.
 * @throws Refusal multipart-malformed
 */
export function boundaryOf(contentType: string): string {
  const boundary = parametersOf(contentType).get('boundary') ?? '';
  if (!/^[0-9A-Za-z'()+_,./:=? -]{1,70}$/.test(boundary)) throw malformed('no usable boundary');
  return boundary;
}

export class PartHeads {
  /** Heads of all parts so far. */
  count = 0;
  readonly #delimiter: Buffer;
  readonly #heads: PartHead[] = [];
  /** What is not read yet; RFC 2046 lets the first delimiter stand without its CRLF. */
  #rest: Buffer = Buffer.from(LINE_END);
  #place: 'contents' | 'head' | 'end' = 'contents';

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`${LINE_END}--${boundary}`, 'latin1');
  }

  /**
   * Reads on. Whoever gives the parser the same bytes next finds the head of every part that it tells of in {@link next}.
   * @throws Refusal multipart-malformed, utf8-invalid
   */
  take(chunk: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#place === 'head' ? this.#readHead() : this.#readDelimiter());
  }

  /** The head of the next part, in the order in which they came. */
  next(): PartHead {
    const head = this.#heads.shift();
    if (head === undefined) throw new Error('invariant: the parser tells of parts that are on the wire');
    return head;
  }

  /** Steps behind the next delimiter. False when it has not come whole. */
  #readDelimiter(): boolean {
    const end = this.#rest.indexOf(this.#delimiter) + this.#delimiter.length;
    const follows = this.#rest.toString('latin1', end, end + LINE_END.length);
    if (end < this.#delimiter.length || follows.length < LINE_END.length) {
      this.#rest = this.#rest.subarray(-(this.#delimiter.length + 1));
      return false;
    }
    // The parser passes over what follows; whoever sends it need not send it all to hear so.
    if (this.#place === 'end') throw malformed('a part follows the last one');
    if (follows === '--') this.#place = 'end';
    else if (follows === LINE_END) this.#place = 'head';
    else throw malformed('a delimiter does not end its line');
    this.#rest = this.#rest.subarray(end);
    return true;
  }

  /** Reads a head, whose first CRLF is the delimiter's. False when it has not come whole; the parser gives up after 16 KiB. */
  #readHead(): boolean {
    const end = this.#rest.indexOf(LINE_END + LINE_END);
    if (end < 0) return false;
    const head = this.#rest.subarray(0, end);
    // The parser would leave it out and make one part of two.
    if (head.includes(this.#delimiter)) throw malformed('a part ends inside its head');
    this.#heads.push(parseHead(head.toString('latin1')));
    this.count += 1;
    // Not behind the empty line: its CRLF may be that of the next delimiter.
    this.#rest = this.#rest.subarray(end + LINE_END.length);
    this.#place = 'contents';
    return true;
  }
}

function parseHead(head: string): PartHead {
  const fields = fieldsOf(head);
  const contentType = fields.get('content-type');
  const charset = parametersOf(contentType ?? '').get('charset') ?? 'utf-8';
  // RFC 7578 section 5.1.3 wants file names in UTF-8, RFC 8187 section 3.2.1 those of `filename*`.
  const extendedName = parametersOf(fields.get('content-disposition') ?? '').get('filename*');
  if (extendedName !== undefined && !/^utf-?8'/i.test(extendedName)) {
    throw new Refusal('utf8-invalid', { field: 'filename*' });
  }
  // RFC 7578 section 4.7 has no other over HTTP, and the parser decodes none: base64 would be deposited for the bytes it stands for.
  if (!/^(?:7bit|8bit|binary)$/i.test(fields.get('content-transfer-encoding') ?? 'binary')) {
    throw malformed('Content-Transfer-Encoding is none of 7bit, 8bit and binary');
  }
  return {
    isUtf8: /^utf-?8$/i.test(charset),
    contentType,
    hasExtendedName: extendedName !== undefined,
  };
}

/** RFC 822 section 3.1: a line that begins with space goes on with the one before. */
function fieldsOf(head: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const unfolded = head.replaceAll(/\r\n(?=[ \t])/g, '');
  for (const line of unfolded.split(LINE_END).slice(1)) {
    const [, name, value = ''] = /^([^:]*):(.*)$/.exec(line) ?? [];
    if (name === undefined) throw malformed('a line in the head of a part is no field');
    setOnce(fields, name, value.trim());
  }
  return fields;
}

/** RFC 2045 section 5.1: `; name=token` and `; name="quoted"`, the quotes taken off. */
const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g;

function parametersOf(field: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of field.matchAll(PARAMETER)) setOnce(parameters, name, quoted ?? bare);
  return parameters;
}

/** Of two values, whichever is taken, the other was sent too. */
function setOnce(values: Map<string, string>, name: string, value: string): void {
  const key = name.toLowerCase();
  if (values.has(key)) throw malformed('a field or parameter of a head is repeated');
  values.set(key, value);
}

function malformed(reason: string): Refusal {
  return new Refusal('multipart-malformed', { reason });
}
