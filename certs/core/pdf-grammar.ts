// A grammar for PDF objects: shapes of values, roles of indirect objects, and the walk that gives every object its one role.
// Whatever has no role, two roles, an unknown key or a missing one is refused; so nothing can be hidden in a file.
// Not here: the grammar of a certificate (pdf-profile.ts).

import { CertError } from './errors.ts';
import type { PdfFile, PdfObject } from './pdf-file.ts';
import type { PdfDict, PdfValue } from './pdf-objects.ts';

/** Checks one value. `walk` takes references and refusals. */
export type Shape = (value: PdfValue, walk: Walk) => void;

/** What an indirect object is for. An object has one role, however many references lead to it. */
export interface Role {
  readonly name: string;
  readonly shape: Shape;
  readonly stream: boolean;
}

/** An indirect object that is no stream. */
export function object(name: string, shape: Shape): Role {
  return { name, shape, stream: false };
}

/** A stream; `Length` needs no mention. Compressed with Flate where `filter` says so, and in no other way. */
export function stream(name: string, filter: boolean, keys: Keys = {}): Role {
  return {
    name,
    shape: dict({ Length: number(), ...(filter && { Filter: oneOf('FlateDecode') }), ...keys }),
    stream: true,
  };
}

// ---- shapes --------------------------------------------------------------------------------------------------------

/** Key → shape. A key that ends in `?` may be absent; a key that is not here may not be present. */
export type Keys = Readonly<Record<string, Shape>>;

export function dict(keys: Keys): Shape {
  // A Map: neither `constructor` nor a key of the file that ends in `?` may find anything here.
  const shapes = new Map(Object.entries(keys).map(([key, shape]) => [key.replace('?', ''), shape]));
  const required = Object.keys(keys).filter((key) => !key.endsWith('?'));
  return (value, walk: Walk) => {
    if (value.type !== 'dict') walk.refuse('is no dictionary');
    for (const key of required) if (!value.entries.has(key)) walk.refuse(`lacks ${key}`);
    for (const [key, item] of value.entries) {
      const shape = shapes.get(key) ?? walk.refuse(`has the unknown key ${key}`);
      shape(item, walk);
    }
  };
}

/** A dictionary with keys of its own choosing, such as font names in resources. */
export function dictOf(key: RegExp, shape: Shape): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'dict') walk.refuse('is no dictionary');
    for (const [name, item] of value.entries) {
      if (!key.test(name)) walk.refuse(`has the unknown key ${name}`);
      shape(item, walk);
    }
  };
}

/** A list of `min` to `max` values of one shape. */
export function list(shape: Shape, min = 0, max = Number.POSITIVE_INFINITY): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'array') walk.refuse('is no array');
    if (value.items.length < min || value.items.length > max) walk.refuse(`has ${value.items.length} items`);
    for (const item of value.items) shape(item, walk);
  };
}

/** A list of pairs, as in name and number trees. */
export function pairs(first: Shape, second: Shape, min = 0, max = Number.POSITIVE_INFINITY): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'array') walk.refuse('is no array');
    const { items } = value;
    if (items.length % 2 !== 0 || items.length < 2 * min || items.length > 2 * max) walk.refuse('has no such pairs');
    for (const [i, item] of items.entries()) (i % 2 === 0 ? first : second)(item, walk);
  };
}

/** A reference to an object of this role. */
export function ref(role: () => Role): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'ref') walk.refuse('is no reference');
    walk.follow(value.number, role());
  };
}

/** The first shape whose kind of value this is. */
export function either(shapes: Readonly<Partial<Record<PdfValue['type'], Shape>>>): Shape {
  return (value, walk: Walk) => (shapes[value.type] ?? walk.refuse(`may not be a ${value.type}`))(value, walk);
}

export function oneOf(...names: readonly string[]): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'name' || !names.includes(value.value)) walk.refuse(`is not ${names.join(' or ')}`);
  };
}

export function name(form: RegExp): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'name' || !form.test(value.value)) walk.refuse('is another name');
  };
}

/** Any number, or exactly this one. */
export function number(exactly?: number): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'number' || (exactly !== undefined && value.value !== exactly)) walk.refuse('is another number');
  };
}

export const text: Shape = (value, walk: Walk) => {
  if (value.type !== 'string') walk.refuse('is no literal string');
};

/** A hexadecimal string, of any length or of this many bytes. */
export function hex(bytes?: number): Shape {
  return (value, walk: Walk) => {
    if (value.type !== 'hex' || (bytes !== undefined && value.bytes.length !== bytes))
      walk.refuse('is no such hex string');
  };
}

export const yes: Shape = (value, walk: Walk) => {
  if (value.type !== 'boolean' || !value.value) walk.refuse('is not true');
};

export const nothing: Shape = (value, walk: Walk) => {
  if (value.type !== 'null') walk.refuse('is not null');
};

// ---- the walk ------------------------------------------------------------------------------------------------------

/** Follows every reference once, breadth first: no recursion through references, whatever they do. */
export class Walk {
  private readonly file: PdfFile;
  private readonly roles = new Map<number, Role>();
  private readonly queue: number[] = [];
  private where = 'trailer';

  constructor(file: PdfFile) {
    this.file = file;
  }

  /**
   * Gives every object its role.
   * @param trailer shape of the trailer dictionary
   * @returns the numbers of the objects of a role
   * @throws CertError pdf-not-ours
   */
  run(trailer: Shape): (role: Role) => number[] {
    trailer({ type: 'dict', entries: this.file.trailer }, this);
    for (let next = 0; next < this.queue.length; next += 1) this.visit(this.queue[next] as number);
    this.checkLeftOver();
    return (role) => [...this.roles].filter(([, each]) => each === role).map(([number]) => number);
  }

  follow(number: number, role: Role): void {
    const known = this.roles.get(number);
    if (known !== undefined && known !== role) this.refuse(`uses object ${number}, ${known.name}, as ${role.name}`);
    if (known !== undefined) return;
    this.roles.set(number, role);
    this.queue.push(number);
  }

  /** The role an object has so far. */
  roleOf(number: number): Role | undefined {
    return this.roles.get(number);
  }

  refuse(why: string): never {
    throw new CertError('pdf-not-ours', `PDF: ${this.where} ${why}`);
  }

  private visit(number: number): void {
    const role = this.roles.get(number) as Role;
    this.where = `${role.name} (object ${number})`;
    const found = this.file.objects[number] ?? this.refuse('does not exist');
    if ((found.stream !== undefined) !== role.stream) this.refuse(role.stream ? 'is no stream' : 'is a stream');
    role.shape(found.value, this);
  }

  /** pdfkit always writes one empty dictionary nobody refers to (an outline); nothing else may be left over. */
  private checkLeftOver(): void {
    this.where = 'the file';
    const left = this.file.objects.filter((found, number) => found !== undefined && !this.roles.has(number));
    if (left.length > 1 || left.some((found) => found !== undefined && !isEmpty(found))) {
      this.refuse('has objects that nothing refers to');
    }
  }
}

function isEmpty({ value, stream: bytes }: PdfObject): boolean {
  return bytes === undefined && value.type === 'dict' && value.entries.size === 0;
}

// ---- reading what has been checked -----------------------------------------------------------------------------------

/** Reads values whose shapes the walk has already checked; anything else is a broken invariant. */
export class Reader {
  private readonly file: PdfFile;

  constructor(file: PdfFile) {
    this.file = file;
  }

  object(number: number): PdfObject {
    return this.file.objects[number] ?? broken();
  }

  /** The dictionary of an object, or of what a value refers to. */
  entries(of: number | PdfValue | undefined): PdfDict {
    if (typeof of === 'number') return this.entries(this.object(of).value);
    if (of?.type === 'ref') return this.entries(of.number);
    return of?.type === 'dict' ? of.entries : broken();
  }

  /** A number, or the number of the object a value refers to. */
  number(of: PdfValue | undefined): number {
    if (of?.type === 'ref') return of.number;
    return of?.type === 'number' ? of.value : broken();
  }

  items(of: PdfValue | undefined): readonly PdfValue[] {
    return of?.type === 'array' ? of.items : broken();
  }

  bytes(of: PdfValue | undefined): Uint8Array {
    return of?.type === 'string' || of?.type === 'hex' ? of.bytes : broken();
  }
}

function broken(): never {
  throw new Error('invariant: read another value than the grammar has checked');
}
