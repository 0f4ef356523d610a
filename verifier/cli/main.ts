#!/usr/bin/env node
// probata-verify: checks a certificate, and the files it is about, against a trust bundle. Offline: no network, no server code.
// Exit codes: 0 consistent, 1 inconsistent, 2 could not verify, 64 the command line cannot be understood.
// Output rules: terminal.ts.

import { parseArgs } from 'node:util';
import type { PageSource } from '../core/check-pdf.ts';
import { EVIDENCE_FILES_MAX } from '../core/limits.ts';
import type { Lang } from '../core/messages.ts';
import { visible } from '../core/quoted.ts';
import type { Outcome, Report } from '../core/report.ts';
import { verify } from '../core/verify.ts';
import { CliError, hashEvidence, readCertificate, readTrust } from './files.ts';
import { fileReadAsOption, notAnOption } from './option-files.ts';
import { formatJson, formatReport } from './terminal.ts';
import { toolDigest } from './tool-digest.ts';

const USAGE = `用法 usage: probata-verify CERT.pdf [FILE…] --trust TRUST.json [--json] [--certificate-only] [--lang zh|en|both]

  CERT.pdf            存证证书 the certificate
  FILE…               要比对的文件，整个文件夹写作 ./* the files it is about; all of a folder: ./*
  --trust TRUST.json  信任文件，取自您自己的法院 the trust bundle, from your own court
  --certificate-only  只核验证书，不比对文件 verify the certificate without any file
  --json              输出 JSON 报告 print the report as JSON
  --lang zh|en|both   语言，默认 both language of the report
  --help              仅可单独使用 this text; stands alone

退出码 exit codes: 0 一致 consistent, 1 不一致 inconsistent, 2 无法核验 could not verify, 64 用法错误 usage
`;

const EXIT_USAGE = 64;
const EXIT: Readonly<Record<Outcome, number>> = { consistent: 0, inconsistent: 1, unverifiable: 2 };
const LANGS = new Map<string, readonly Lang[]>([
  ['zh', ['zh']],
  ['en', ['en']],
  ['both', ['zh', 'en']],
]);

interface Command {
  readonly certificate: string;
  readonly files: readonly string[];
  readonly trust: string;
  readonly certificateOnly: boolean;
  readonly json: boolean;
  readonly langs: readonly Lang[];
}

/**
 * Names of files may stand among the arguments, chosen by whoever made them: nothing that changes the verdict may be said twice, and help
 * leaves with 0, which is a verdict, only when nothing else was asked.
 * @returns undefined when help was asked for
 */
async function parseCommand(argv: string[]): Promise<Command | undefined> {
  const ambiguous = await fileReadAsOption(argv);
  if (ambiguous !== undefined) throw new CliError(notAnOption(ambiguous));
  const { values, positionals, tokens } = parseArgs({
    args: argv,
    allowPositionals: true,
    tokens: true,
    options: {
      trust: { type: 'string' },
      json: { type: 'boolean', default: false },
      'certificate-only': { type: 'boolean', default: false },
      lang: { type: 'string', default: 'both' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const options = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
  const repeated = options.find((name, i) => options.indexOf(name) < i);
  if (repeated !== undefined) throw new CliError(`--${repeated}: 不能重复给出 given twice`);
  if (values.help && argv.length > 1) throw new CliError('--help: 只能单独使用 stands alone');
  if (values.help) return undefined;
  const [certificate, ...files] = positionals;
  const langs = LANGS.get(values.lang);
  if (certificate === undefined) throw new CliError('没有给出证书 no certificate given');
  if (values.trust === undefined) throw new CliError('没有给出信任文件 no trust bundle given (--trust)');
  if (langs === undefined) throw new CliError(`--lang ${values.lang}: zh, en, both`);
  if (values['certificate-only'] && files.length > 0)
    throw new CliError('--certificate-only: 不能同时给出文件 and files');
  if (files.length > EVIDENCE_FILES_MAX) throw new CliError(`最多 at most ${EVIDENCE_FILES_MAX} 个文件 files`);
  return {
    certificate,
    files,
    trust: values.trust,
    certificateOnly: values['certificate-only'],
    json: values.json,
    langs,
  };
}

async function run(command: Command): Promise<Report> {
  const trust = await readTrust(command.trust);
  const certificate = await readCertificate(command.certificate);
  const evidence = [];
  for (const path of command.files) evidence.push(await hashEvidence(path));
  const { certificateOnly } = command;
  const nowMs = Date.now();
  return verify({
    certificate,
    trust,
    evidence,
    certificateOnly,
    nowMs,
    rerender,
    toolDigest: toolDigest(import.meta.url),
  });
}

/** Loads the renderer and its fonts only when there are pages to draw. */
async function rerender(source: PageSource): Promise<Uint8Array> {
  const [{ renderCertificate }, { nodeFonts }] = await Promise.all([
    import('../../certs/render/render.ts'),
    import('../../certs/render/fonts-node.ts'),
  ]);
  return (await renderCertificate(source, nodeFonts())).bytes;
}

async function main(argv: string[]): Promise<number> {
  try {
    const command = await parseCommand(argv);
    if (command === undefined) {
      process.stdout.write(USAGE);
      return 0;
    }
    const report = await run(command);
    const { isTTY, columns } = process.stdout;
    const colour = isTTY && process.env['NO_COLOR'] === undefined;
    process.stdout.write(command.json ? formatJson(report) : formatReport(report, command.langs, colour, columns));
    return EXIT[report.outcome];
  } catch (error) {
    if (error instanceof CliError || isParseArgsError(error)) {
      process.stderr.write(`${visible(error.message)}\n\n${USAGE}`);
      return EXIT_USAGE;
    }
    // Node would end with 1, which is a verdict here. A fault of this program is none.
    process.stderr.write(`${visible(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`);
    return EXIT.unverifiable;
  }
}

function isParseArgsError(error: unknown): error is Error {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}

// The reader of a pipe may leave early (`| head`); the verdict stays the exit code.
process.stdout.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));
