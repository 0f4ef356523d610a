// The grammar of a certificate PDF: every object our renderer writes, with exactly its keys.
// ISO 32000-1 sections 7.7 (catalog, pages), 9.6 (fonts), 12.7 and 12.8 (field, signature), 14.7 (structure); ISO 19005-3 6.8.
// One signature field without appearance, DocMDP P=1, two associated files; nothing acts, nothing is optional, layered or outside.
// Not here: how the objects belong together (pdf-read.ts), what the pages show (the verifier draws them again and compares).

import {
  dict,
  dictOf,
  either,
  hex,
  list,
  name,
  nothing,
  number,
  object,
  oneOf,
  pairs,
  ref,
  type Shape,
  stream,
  text,
  yes,
} from './pdf-grammar.ts';

const numbers = (count: number): Shape => list(number(), count, count);

const content = stream('page content', true);
const fontProgram = stream('font program', true);
const unicodeMap = stream('character map', true);
const colourProfile = stream('colour profile', true, { N: number(3) });
const metadata = stream('metadata', false, { Type: oneOf('Metadata'), Subtype: oneOf('XML'), length: number() });

const attachment = stream('attachment', false, {
  Type: oneOf('EmbeddedFile'),
  Subtype: name(/^[a-z]+\/[a-z0-9.+-]+$/),
  Params: dict({ Size: number(), CheckSum: hex(16), ModDate: text }),
});
const fileSpecification = object(
  'file specification',
  dict({
    Type: oneOf('Filespec'),
    F: text,
    UF: text,
    Desc: text,
    AFRelationship: oneOf('Data', 'Supplement'),
    EF: dict({ F: ref(() => attachment), UF: ref(() => attachment) }),
  }),
);

const fontDescriptor = object(
  'font descriptor',
  dict({
    Type: oneOf('FontDescriptor'),
    FontName: name(/./),
    Flags: number(),
    FontBBox: numbers(4),
    ItalicAngle: number(),
    Ascent: number(),
    Descent: number(),
    CapHeight: number(),
    XHeight: number(),
    StemV: number(),
    FontFile2: ref(() => fontProgram),
  }),
);
const descendantFont = object(
  'descendant font',
  dict({
    Type: oneOf('Font'),
    Subtype: oneOf('CIDFontType2'),
    BaseFont: name(/./),
    CIDSystemInfo: dict({ Registry: text, Ordering: text, Supplement: number(0) }),
    FontDescriptor: ref(() => fontDescriptor),
    W: list(either({ number: number(0), array: list(either({ number: number(), null: nothing })) }), 2, 2),
    CIDToGIDMap: oneOf('Identity'),
  }),
);
const font = object(
  'font',
  dict({
    Type: oneOf('Font'),
    Subtype: oneOf('Type0'),
    BaseFont: name(/./),
    Encoding: oneOf('Identity-H'),
    DescendantFonts: list(
      ref(() => descendantFont),
      1,
      1,
    ),
    ToUnicode: ref(() => unicodeMap),
  }),
);
const resources = object(
  'resources',
  dict({
    ProcSet: list(oneOf('PDF', 'Text', 'ImageB', 'ImageC', 'ImageI')),
    'ColorSpace?': dict({}),
    'Font?': dictOf(
      /^F\d+$/,
      ref(() => font),
    ),
  }),
);

export const page = object(
  'page',
  dict({
    Type: oneOf('Page'),
    Parent: ref(() => pageTree),
    MediaBox: numbers(4),
    Contents: ref(() => content),
    Resources: ref(() => resources),
    UserUnit: number(1),
    StructParents: number(),
    'Annots?': list(
      ref(() => widget),
      1,
      1,
    ),
    Tabs: oneOf('S'),
  }),
);
export const pageTree = object(
  'page tree',
  dict({
    Type: oneOf('Pages'),
    Count: number(),
    Kids: list(
      ref(() => page),
      1,
    ),
  }),
);

export const widget = object(
  'signature field',
  dict({
    Subtype: oneOf('Widget'),
    FT: oneOf('Sig'),
    T: text,
    TU: text,
    V: ref(() => signature),
    F: number(132),
    P: ref(() => page),
    Type: oneOf('Annot'),
    Rect: list(number(0), 4, 4),
    Border: list(number(0), 3, 3),
    C: list(number(0), 3, 3),
    StructParent: number(),
  }),
);
export const signature = object(
  'signature',
  dict({
    Type: oneOf('Sig'),
    Filter: oneOf('Adobe.PPKLite'),
    SubFilter: oneOf('ETSI.CAdES.detached'),
    ByteRange: numbers(4),
    Contents: hex(),
    M: text,
    Reference: list(
      dict({
        Type: oneOf('SigRef'),
        TransformMethod: oneOf('DocMDP'),
        TransformParams: dict({ Type: oneOf('TransformParams'), P: number(1), V: oneOf('1.2') }),
      }),
      1,
      1,
    ),
  }),
);
const form = object(
  'form',
  dict({
    Fields: list(
      ref(() => widget),
      1,
      1,
    ),
    SigFlags: number(3),
  }),
);

const markedContent = dict({ Type: oneOf('MCR'), Pg: ref(() => page), MCID: number() });
const fieldReference = dict({ Type: oneOf('OBJR'), Obj: ref(() => widget), Pg: ref(() => page) });
const kid: Shape = (value, walk) => {
  const isField = value.type === 'dict' && value.entries.has('Obj');
  either({ ref: ref(() => element), number: number(), dict: isField ? fieldReference : markedContent })(value, walk);
};
const attributes = dict({
  O: oneOf('Table', 'Layout'),
  'Scope?': oneOf('Row', 'Column'),
  'Placement?': oneOf('Block'),
  'BBox?': numbers(4),
});
/** The parent of an element: the one at the top, or another one. */
const parent: Shape = (value, walk) => {
  const isTop = value.type === 'ref' && walk.roleOf(value.number) === topElement;
  ref(() => (isTop ? topElement : element))(value, walk);
};
const element = object(
  'structure element',
  dict({
    S: name(/^[A-Z][A-Za-z0-9]*$/),
    P: parent,
    K: list(kid),
    'Pg?': ref(() => page),
    'A?': attributes,
    'Alt?': text,
    'Lang?': text,
  }),
);
const topElement = object(
  'top structure element',
  dict({ S: oneOf('Document'), P: ref(() => structure), K: list(ref(() => element)) }),
);
const structure = object(
  'structure tree',
  dict({
    Type: oneOf('StructTreeRoot'),
    ParentTree: dict({
      'Limits?': numbers(2),
      Nums: pairs(
        number(),
        either({ ref: ref(() => element), array: list(either({ ref: ref(() => element), null: nothing })) }),
      ),
    }),
    ParentTreeNextKey: number(),
    K: list(
      ref(() => topElement),
      1,
      1,
    ),
  }),
);

const markInformation = object('mark information', dict({ Marked: yes }));
const viewerPreferences = object('viewer preferences', dict({ DisplayDocTitle: yes }));
const outputIntent = object(
  'output intent',
  dict({
    Type: oneOf('OutputIntent'),
    S: oneOf('GTS_PDFA1'),
    Info: text,
    OutputConditionIdentifier: text,
    DestOutputProfile: ref(() => colourProfile),
  }),
);
const names = object(
  'names',
  dict({
    Dests: dict({ Names: list(nothing, 0, 0) }),
    EmbeddedFiles: dict({
      Names: pairs(
        text,
        ref(() => fileSpecification),
        2,
        2,
      ),
    }),
  }),
);
export const catalog = object(
  'catalog',
  dict({
    Type: oneOf('Catalog'),
    Pages: ref(() => pageTree),
    Names: ref(() => names),
    Lang: text,
    MarkInfo: ref(() => markInformation),
    StructTreeRoot: ref(() => structure),
    ViewerPreferences: ref(() => viewerPreferences),
    Perms: dict({ DocMDP: ref(() => signature) }),
    AcroForm: ref(() => form),
    AF: list(
      ref(() => fileSpecification),
      2,
      2,
    ),
    OutputIntents: list(
      ref(() => outputIntent),
      1,
      1,
    ),
    Metadata: ref(() => metadata),
  }),
);

export const information = object(
  'document information',
  dict({
    Producer: ref(() => plainText),
    Creator: ref(() => plainText),
    CreationDate: ref(() => plainText),
    Title: ref(() => plainText),
  }),
);
const plainText = object('text', text);

/** The trailer: no Prev, no XRefStm, no Encrypt. */
export const trailer: Shape = dict({
  Size: number(),
  Root: ref(() => catalog),
  Info: ref(() => information),
  ID: list(hex(16), 2, 2),
});
