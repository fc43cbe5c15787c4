// The documentation, held to what the program does: examples are run in order, and names of files, links,
// subcommands, operations and counts must be true.
//
// In README.md and docs/*.md, with the blocks of one file sharing a directory and a fresh server:
//   ```sh test [status=N]   is run by bash; variables live on; N is the exit status (default 0)
//   ```js test              is run by node as a module
//   ```json file=NAME       is written to NAME for the blocks after it; any language will do
//   ```output               right after a test: what it prints, with … for any text
// 127.0.0.1:7586 stands for the address of the server.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { noSandbox } from './functions.mjs';
import { here, root } from './paths.mjs';
import { plumbline, program, scratch, Server } from './support.mjs';

const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const pages = ['README.md', 'CONTRIBUTING.md', 'catalogue/README.md',
  ...fs.readdirSync(path.join(root, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const generated = ['docs/operations.md', 'docs/rules.md'];

/** Fenced blocks: language, words behind it, text, first line. */
function blocks(text) {
  const found = [];
  let open = null;
  text.split('\n').forEach((line, index) => {
    const fence = /^```(.*)$/.exec(line);
    if (!fence) open?.lines.push(line);
    else if (open) {
      found.push({ ...open, text: open.lines.join('\n') + '\n' });
      open = null;
    } else {
      const [language, ...words] = fence[1].trim().split(/\s+/);
      open = { language, words, line: index + 1, lines: [] };
    }
  });
  assert.equal(open, null, 'a fenced block is not closed');
  return found;
}

const word = (block, name) => block.words.find((w) => w.startsWith(`${name}=`))?.slice(name.length + 1);
const prose = (text) => text.replace(/^```[\s\S]*?^```$/gm, '');

// ---- examples ----

class Room {
  /** A scratch directory with the program on the path and a server on its ./plumbline-data. */
  static async open() {
    const room = new Room();
    room.directory = scratch();
    fs.mkdirSync(path.join(room.directory, 'bin'));
    fs.symlinkSync(program, path.join(room.directory, 'bin', 'plumbline'));
    fs.symlinkSync(path.join(here, 'node_modules'), path.join(room.directory, 'node_modules'));
    fs.symlinkSync(path.join(root, 'catalogue'), path.join(room.directory, 'catalogue'));
    fs.symlinkSync(path.join(root, 'tests'), path.join(room.directory, 'tests'));
    room.data = path.join(room.directory, 'plumbline-data');
    room.server = await Server.start({ data: room.data });
    return room;
  }

  write(name, text) {
    const file = path.join(this.directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return file;
  }

  run(block, number) {
    const text = block.text.replaceAll('http://127.0.0.1:7586', this.server.endpoint)
      .replaceAll('127.0.0.1:7586', new URL(this.server.endpoint).host);
    const state = path.join(this.directory, 'variables');
    const command = block.language === 'js' ? [process.execPath, [this.write(`example-${number}.mjs`, text)]]
      : ['bash', ['-c', `exec 2>&1; [ -f "${state}" ] && . "${state}"; trap 'export -p >"${state}"' EXIT; set -aeuo pipefail\n${text}`]];
    const { ALIBABA_CLOUD_ACCESS_KEY_ID, PLUMBLINE_STORE, ...inherited } = process.env;
    const done = spawnSync(...command, {
      cwd: this.directory, encoding: 'utf8', timeout: 120000,
      env: { ...inherited, PATH: `${this.directory}/bin:${process.env.PATH}`, PLUMBLINE_DATA: this.data },
    });
    return { status: done.status, output: `${done.stdout}${block.language === 'js' ? done.stderr : ''}` };
  }
}

/** Blanks at line ends never matter, and … is any text. */
function matches(output, expected) {
  const trim = (text) => text.replaceAll('\r\n', '\n').replace(/[ \t]+$/gm, '').trim();
  const pattern = trim(expected).split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*?');
  return new RegExp(`^${pattern}$`).test(trim(output));
}

for (const page of pages) {
  const all = blocks(read(page));
  if (!all.some((block) => block.words.includes('test'))) continue;
  const skip = /plumbline function deploy/.test(read(page)) && noSandbox;
  test(`the examples of ${page} work as they are printed`, { skip }, async (t) => {
    const room = await Room.open();
    t.after(() => room.server.stop());
    for (const [number, block] of all.entries()) {
      const name = word(block, 'file');
      if (name) room.write(name, block.text);
      if (!block.words.includes('test')) continue;
      const { status, output } = room.run(block, number);
      const place = `${page}:${block.line}`;
      assert.equal(status, Number(word(block, 'status') ?? 0), `${place}: ${output}`);
      const next = all[number + 1];
      if (next?.language === 'output') assert.ok(matches(output, next.text), `${place} prints\n${output}\nnot\n${next.text}`);
    }
  });
}

test('an output block belongs to a test', () => {
  for (const page of pages)
    blocks(read(page)).forEach((block, i, all) => {
      if (block.language === 'output') assert.ok(all[i - 1]?.words.includes('test'), `${page}:${block.line}`);
    });
});

// ---- names ----

/** The anchor that a heading gets. */
const anchor = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-');
const anchors = (file) => [...prose(read(file)).matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1]));

test('every link of the docs leads to a file and a heading that exist', () => {
  for (const page of pages) {
    for (const [, target] of prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file, fragment] = target.split('#');
      const full = file ? path.join(path.dirname(page), file) : page;
      assert.ok(fs.existsSync(path.join(root, full)), `${page} links to ${target}`);
      if (fragment) assert.ok(anchors(full).includes(fragment), `${page} links to ${target}`);
    }
  }
});

test('every file of the tree that the docs name exists', () => {
  const top = fs.readdirSync(root).filter((name) => !name.startsWith('.'));
  for (const page of pages.filter((name) => !generated.includes(name))) {
    for (const [, name] of prose(read(page)).matchAll(/`([\w.-]+\/[\w./-]*)`/g)) {
      if (!top.includes(name.split('/')[0]) || /^(build|plumbline-data)\//.test(name)) continue;
      assert.ok(fs.existsSync(path.join(root, name)), `${page} names ${name}`);
    }
  }
});

test('every subcommand is documented, and none that does not exist', () => {
  const names = [...plumbline(['help']).stdout.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]);
  const text = pages.map(read).join('\n');
  for (const name of names) assert.match(text, new RegExp(`plumbline ${name}\\b`), name);
  for (const page of pages)
    for (const [, name] of read(page).matchAll(/(?:^|`|\$ )plumbline ([a-z]+)\b/gm)) assert.ok(names.includes(name), `${page} names plumbline ${name}`);
});

test('no operation is named that Plumbline does not know', () => {
  const operations = new Set();
  const parameters = new Set();
  for (const name of fs.readdirSync(path.join(root, 'api'), { recursive: true })) {
    if (!/^\w+\/[\d-]+\/[A-Z]\w+\.json$/.test(name)) continue;
    operations.add(path.basename(name, '.json'));
    for (const parameter of JSON.parse(read(path.join('api', name))).parameters ?? []) parameters.add(parameter.name);
  }
  assert.ok(operations.size > 300);
  const verbs = new Set([...operations].map((name) => /^[A-Z][a-z]+/.exec(name)[0]));
  for (const page of pages) {
    const text = read(page);
    for (const [, name] of text.matchAll(/plumbline call ([A-Z][a-z]\w+)/g)) assert.ok(operations.has(name), `${page} calls ${name}`);
    for (const [, name] of prose(text).matchAll(/`([A-Z][a-z]+[A-Z]\w*)`/g)) {
      if (verbs.has(/^[A-Z][a-z]+/.exec(name)[0])) assert.ok(operations.has(name) || parameters.has(name), `${page} names ${name}`);
    }
  }
});

test('the architecture has a row for every room, and no other', () => {
  const rows = [...read('docs/architecture.md').matchAll(/^\| \d \| (.*?) \|/gm)].flatMap((match) => [...match[1].matchAll(/`(\w+)\/`/g)].map((room) => room[1]));
  const rooms = fs.readdirSync(path.join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  assert.deepEqual(rows.sort(), rooms.sort());
});

test('README.md gives the counts of the generated pages', () => {
  const [, implemented, operations] = /^\| all \| \| (\d+) \| (\d+) \|$/m.exec(read('docs/operations.md'));
  const [, rules, decided] = /^(\d+) rules, (\d+) of them decided/m.exec(read('docs/rules.md'));
  const templates = fs.readdirSync(path.join(root, 'catalogue/packs')).length;
  const text = read('README.md').replace(/\s+/g, ' ');
  for (const sentence of [`${implemented} of ${operations} operations`, `${decided} of ${rules} managed rules`, `${templates} package templates`])
    assert.ok(text.includes(sentence), `README.md should say "${sentence}" (tools/update-counts.py writes it)`);
});
