/**
 * What each refusal says over HTTP: status, and in Chinese and English what was wrong and what to do (RFC 9457 problem+json).
 * The one table of codes; the texts are fixed, so no refusal can leak what a stranger sent or stored.
 */
import type { Refusal, RefusalCode } from '../refusal.ts';

interface ProblemText {
  readonly status: number;
  readonly zh: string;
  readonly en: string;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number;
}

const row = (status: number, zh: string, en: string, retryAfter?: number): ProblemText =>
  retryAfter === undefined ? { status, zh, en } : { status, zh, en, retryAfter };

const PROBLEMS: Readonly<Record<RefusalCode, ProblemText>> = {
  'token-missing': row(
    401,
    '请求没有附带访问令牌。请加上请求头 Authorization: Bearer <令牌>。',
    'The request carries no token. Add the header Authorization: Bearer <token>.',
  ),
  'token-unknown': row(
    401,
    '访问令牌无效。请检查是否完整复制，或向平台申请新的令牌。',
    'This token is not known. Check that it was copied whole, or ask the platform for a new one.',
  ),
  'token-expired': row(
    401,
    '访问令牌已过期。请向平台申请新的令牌。',
    'This token has expired. Ask the platform for a new one.',
  ),
  'tokens-unreadable': row(
    503,
    '平台暂时无法核对访问令牌。请稍后重试。',
    'The platform cannot check tokens at the moment. Try again later.',
    10,
  ),
  'not-found': row(404, '没有这个地址。请检查网址。', 'There is nothing at this address. Check the URL.'),
  'method-not-allowed': row(
    405,
    '该地址不支持这种请求方法；支持的方法见响应头 Allow。',
    'This address does not take that method; the Allow header lists those it takes.',
  ),
  'content-type-unsupported': row(
    415,
    '该地址不接受这种内容类型。存证用 multipart/form-data 或 application/json，批量存证用 application/x-ndjson，时间戳请求用 application/timestamp-query。',
    'This address does not take this content type. Deposits are multipart/form-data or application/json, batches application/x-ndjson, timestamp requests application/timestamp-query.',
  ),
  'content-encoding-unsupported': row(
    415,
    '不支持请求正文的这种压缩方式。请直接发送原文。',
    'This compression of the body is not supported. Send it as it is.',
  ),
  'body-too-large': row(
    413,
    '请求超过大小上限（limit，字节）。请分成几次存证。',
    'The request is larger than the limit (bytes). Split it into several deposits.',
  ),
  'body-truncated': row(
    400,
    '上传中断，未保存任何内容。请重新提交。',
    'The upload broke off; nothing of it was kept. Send it again.',
  ),
  'utf8-invalid': row(
    400,
    '文本不是有效的 UTF-8 编码。请以 UTF-8 重新提交。',
    'The text is not valid UTF-8. Encode it as UTF-8 and send it again.',
  ),
  'json-malformed': row(
    400,
    'JSON 格式有误（例如键重复）。请按 reason 修改后重新提交。',
    'The JSON is malformed, for instance a repeated key. Correct it as reason says and send it again.',
  ),
  'multipart-malformed': row(
    400,
    'multipart/form-data 正文不完整或格式有误，未保存任何内容。请重新提交。',
    'The multipart/form-data body is incomplete or malformed; nothing of it was kept. Send it again.',
  ),
  'idempotency-key-invalid': row(
    400,
    'Idempotency-Key 必须是 1 至 255 个可见 ASCII 字符。',
    'Idempotency-Key must be 1 to 255 visible ASCII characters.',
  ),
  'idempotency-key-reused': row(
    422,
    '该 Idempotency-Key 已用于内容不同的存证，本次未保存。新的存证请换用新的键。',
    'This Idempotency-Key was used for a deposit with other content; this one was not kept. Use a new key for a new deposit.',
  ),
  'query-invalid': row(
    400,
    '查询参数有误：sha256 须为 64 位小写十六进制，file 须为正整数。',
    'A query parameter is wrong: sha256 takes 64 lower-case hex digits, file a positive integer.',
  ),
  'lines-too-many': row(
    413,
    '一批最多 10,000 行。此行及以后均未受理，请另批提交。',
    'A batch has at most 10,000 lines. This line and those after it were not taken; send them as another batch.',
  ),
  'line-too-long': row(
    413,
    '该行超过大小上限（limit，字节），此行及以后均未受理。',
    'This line is longer than the limit (bytes); it and those after it were not taken.',
  ),
  'declaration-invalid': row(
    422,
    '声明内容不符合要求，位置见 pointer，原因见 reason。请修改后重新提交。',
    'The declaration is not as required: pointer says where, reason says why. Correct it and send it again.',
  ),
  'declaration-repeated': row(
    422,
    '一次存证只能有一个 declaration 部分。',
    'A deposit has one declaration part at most.',
  ),
  'unknown-field': row(
    422,
    '有不认识的字段（见 field）。请检查拼写或删去。',
    'There is a field we do not know (see field). Check its spelling or leave it out.',
  ),
  'file-missing': row(
    422,
    '没有文件。一次存证至少要有一个名为 file 的文件部分。',
    'There is no file. A deposit has at least one part named file.',
  ),
  'files-too-many': row(
    422,
    '一次存证最多 10,000 个文件，本次未保存。请分成几次存证。',
    'A deposit has at most 10,000 files; nothing was kept. Split it into several deposits.',
  ),
  'file-empty': row(
    422,
    '第 file 个文件是空的（0 字节），本次未保存。请检查文件后重新提交。',
    'The file with this number is empty (0 bytes); nothing was kept. Check the file and send it again.',
  ),
  'file-too-large': row(
    413,
    '第 file 个文件超过大小上限（limit，字节），本次未保存。可改为只提交摘要存证。',
    'The file with this number is larger than the limit (bytes); nothing was kept. You may deposit its digest instead.',
  ),
  'name-missing': row(422, '第 file 个文件没有文件名。', 'The file with this number has no name.'),
  'name-too-long': row(
    422,
    '第 file 个文件的文件名超过 255 字节（UTF-8）。请缩短后重新提交。',
    'The name of this file is longer than 255 bytes of UTF-8. Shorten it and send it again.',
  ),
  'name-invalid': row(
    422,
    '第 file 个文件的文件名含有控制字符或损坏的字符。请改名后重新提交。',
    'The name of this file holds a control character or a damaged one. Rename it and send it again.',
  ),
  'media-type-invalid': row(
    422,
    '第 file 个文件的媒体类型不是“类型/子类型”的形式。请改正或不写。',
    'The media type of this file is not of the form type/subtype. Correct it or leave it out.',
  ),
  'digest-mismatch': row(
    422,
    '收到的文件与声明的摘要、名称、大小或数量不一致，未保存任何内容。请核对文件后重新提交。',
    'What came is not what was stated: a digest, name, size or the number of files differs; nothing was kept. Check the files and send them again.',
  ),
  'deposit-not-found': row(
    404,
    '没有这个存证编号，或它不属于当前令牌。',
    'There is no deposit with this id, or it does not belong to this token.',
  ),
  'file-not-found': row(
    404,
    '该存证没有这个序号的文件。文件从 1 开始编号。',
    'This deposit has no file with this number. Files are numbered from 1.',
  ),
  'file-not-held': row(
    404,
    '该存证只提交了摘要，文件仍由提交人保管，平台没有文件内容。',
    'Only digests were deposited: the submitter keeps the files, the platform does not hold them.',
  ),
  'not-published': row(
    409,
    '账本尚未取得足够的共同签名，证明和证书还不能出具。请稍后再取。',
    'The ledger is not cosigned by enough members yet, so there is no proof and no certificate. Ask again later.',
    1,
  ),
  'storage-full': row(
    507,
    '平台存储空间不足，暂停接收存证，也可能暂停出具新的证书；已有存证和证书不受影响。请稍后重试。',
    'The platform is short of storage: it takes no deposits now, and may make no new certificates; existing ones are safe. Try again later.',
    300,
  ),
  pushback: row(
    503,
    '平台繁忙，本次未受理。请稍后重试。',
    'The platform is busy and did not take this. Try again shortly.',
    1,
  ),
  'quorum-away': row(
    503,
    '账本已有半天未取得足够的共同签名，新的回执可能无法如期兑现，平台暂停接收存证；已有存证仍在保管。请稍后重试。',
    'The ledger has gone without the cosignatures of a quorum for half a day. A new receipt might not be honoured in time, so the platform takes no deposits now; it still holds those it has. Try again later.',
    10,
  ),
  'clock-behind': row(
    503,
    '平台时钟早于账本上最新一条的时间，暂停接收。请稍后重试。',
    'The platform’s clock is behind the newest entry of the ledger, so it takes none now. Try again later.',
    10,
  ),
  stopping: row(
    503,
    '平台正在停机，本次未受理。请稍后重试。',
    'The platform is stopping and did not take this. Try again later.',
    10,
  ),
  'certificate-unavailable': row(
    503,
    '证书暂时无法出具（例如时间戳服务没有应答），存证不受影响。请稍后再取。',
    'The certificate cannot be made at the moment, for instance because no timestamp service answers; the deposit is safe. Ask again later.',
    5,
  ),
  internal: row(
    500,
    '平台内部错误，已记录。请稍后重试；如已收到回执，存证不受影响。',
    'An internal error, which has been recorded. Try again later; a deposit with a receipt is safe.',
  ),
};

/** An answer as it goes out. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ProblemBody;
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: RefusalCode;
  readonly detail: string;
  readonly [fact: string]: string | number;
}

/** The HTTP answer of a refusal. */
export function problemOf(refusal: Refusal): ProblemAnswer {
  const { code, facts } = refusal;
  const { status, zh, en, retryAfter } = PROBLEMS[code];
  const headers: Record<string, string> = {};
  if (retryAfter !== undefined) headers['Retry-After'] = String(retryAfter);
  // RFC 9110 section 15.5.16: a body refused for its coding hears which ones are taken.
  if (code === 'content-encoding-unsupported') headers['Accept-Encoding'] = 'identity';
  // RFC 6750 section 3: a refused request says which scheme it wants; the error attribute only when a token was sent.
  if (status === 401)
    headers['WWW-Authenticate'] = code === 'token-missing' ? 'Bearer' : 'Bearer error="invalid_token"';
  return {
    status,
    headers,
    body: {
      type: `urn:probata:problem:${code}`,
      title: code.replaceAll('-', ' '),
      status,
      code,
      detail: `${zh} ${en}`,
      ...facts,
    },
  };
}
