// Functions that misbehave and functions that attack: each with its outcome, and the server healthy afterwards.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Cloud, PYTHON_CALL, after, before, decide, instance, test } from './functions.mjs';
import { failure, plumbline, program, scratch, until } from './support.mjs';

let cloud;

before(async () => {
  cloud = await Cloud.start();
  await cloud.python('echo', 'def handler(event, context):\n    return event\n');
});

after(() => cloud?.stop());

async function healthy() {
  assert.equal((await fetch(`${cloud.server.endpoint}/healthz`)).status, 200);
  assert.equal((await cloud.invoke('echo', '{"still":"there"}')).body, '{"still":"there"}');
}

const hog = `def fill():
    kept = []
    while True:
        kept.append(bytearray(10000000))
`;
const BAD = {
  'endless-loop': ['def handler(event, context):\n    while True:\n        pass\n', { timeout: 1 }, /timed out after 1 seconds/],
  'memory-hog': [`${hog}\ndef handler(event, context):\n    fill()\n`, {}, /memory|exited|MemoryError|^$/i],
  'memory-of-children': [`import os, threading, time\n${hog}\ndef child():\n    if os.fork() == 0:\n        fill()\ndef handler(event, context):\n    threads = [threading.Thread(target=child) for _ in range(4)]\n    [t.start() for t in threads]\n    time.sleep(9)\n`, { memorySize: 128 }, /memory limit of 128 MB/],
  'disk-hog': ['def handler(event, context):\n    with open("/tmp/big", "wb") as f:\n        for _ in range(1024):\n            f.write(b"x" * 1048576)\n', { diskSize: 16 }, /No space left|File too large|File size limit|exited/],
  'many-files': ['def handler(event, context):\n    for n in range(64):\n        open("/tmp/%d" % n, "wb").write(b"x" * 1048576)\n', { diskSize: 16 }, /No space left/],
  'fork-bomb': ['import os\ndef handler(event, context):\n    while True:\n        os.fork()\n', { timeout: 2 }, /Resource temporarily unavailable|timed out|exited|memory limit/],
  'leaving': ['import os\ndef handler(event, context):\n    os._exit(3)\n', {}, /exited unexpectedly \(exit status 3\)/],
  'talking': ['import os\ndef handler(event, context):\n    while True:\n        os.write(1, b"x" * 65536)\n', {}, /more than 16 MB of output/],
  'long-answer': ['def handler(event, context):\n    return b"x" * 8000000\n', {}, /answer is larger than 6 MB/],
};

for (const [name, [source, options, message]] of Object.entries(BAD)) {
  test(`a function that misbehaves (${name}) fails alone`, async () => {
    await cloud.python(name, source, options);
    const failed = await cloud.invoke(name);
    assert.equal(failed.status, 200);
    assert.equal(failed.type, 'UnhandledInvocationError');
    assert.match(JSON.parse(failed.body).errorMessage, message);
    await healthy();
  });
}

test('a runtime that answers rubbish, or does not listen, fails alone', async () => {
  const rubbish = 'import socket\ns = socket.socket(); s.bind(("0.0.0.0", 9000)); s.listen()\nwhile True:\n    c, _ = s.accept()\n    c.recv(65536)\n    c.sendall(b"\\x00\\xffrubbish\\r\\n" * 1000)\n    c.close()\n';
  await cloud.create('rubbish', { 'main.py': rubbish }, { runtime: 'custom', customRuntimeConfig: { command: ['python3', 'main.py'] } });
  assert.match((await cloud.invoke('rubbish')).body, /cannot be reached|exited/);
  await cloud.create('absent', { 'main.py': 'print("nothing to do")' }, { runtime: 'custom', customRuntimeConfig: { command: ['python3', 'main.py'] } });
  assert.match((await cloud.invoke('absent')).body, /exited unexpectedly \(exit status 0\)/);
  await cloud.create('no-command', { 'main.py': '' }, { runtime: 'custom', customRuntimeConfig: { command: ['/code/none'] } });
  const missing = await cloud.invoke('no-command');
  assert.match(missing.log, /\/code\/none: No such file/);
  await healthy();
});

const ATTEMPTS = `
import ctypes, json, mmap, os, socket
def attempt(what):
    try:
        return str(what())
    except BaseException as error:
        return "refused: " + type(error).__name__ + " " + str(error)
libc = ctypes.CDLL(None, use_errno=True)
def call(*a):
    result = libc.syscall(*a)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def connect(address, family=socket.AF_INET):
    s = socket.socket(family); s.settimeout(2); s.connect(address); return "connected"
`;

test('a function sees no files, devices, privileges or network of others', async () => {
  await cloud.python('probe', `${ATTEMPTS}
def handler(event, context):
    port = json.loads(event)["port"]
    return {
        "root": sorted(os.listdir("/")), "shadow": attempt(lambda: open("/etc/shadow").read()),
        "home": attempt(lambda: os.listdir("/root")), "data": attempt(lambda: os.listdir("/var")),
        "code": attempt(lambda: open("/code/new", "w")), "usr": attempt(lambda: open("/usr/new", "w")),
        "top": attempt(lambda: open("/new", "w")), "etc": attempt(lambda: open("/etc/hosts", "w")), "devices": sorted(os.listdir("/dev")),
        "kernel": attempt(lambda: open("/proc/sys/kernel/hostname", "w").write("x")), "sys": attempt(lambda: os.listdir("/sys")),
        "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
        "server": attempt(lambda: connect(("127.0.0.1", port))), "outside": attempt(lambda: connect(("1.1.1.1", 80))),
        "names": attempt(lambda: socket.gethostbyname("example.com")),
        "abstract": attempt(lambda: connect("\\0" + json.loads(event)["abstract"], socket.AF_UNIX)),
        "vendor": socket.gethostbyname("config.cn-hangzhou.aliyuncs.com"),
        "raw": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)), "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        "status": {l.split(":")[0]: l.split()[1] for l in open("/proc/self/status") if l.startswith(("CapEff", "CapPrm", "CapAmb", "CapInh", "NoNewPrivs", "Seccomp:"))},
        "environment": sorted(os.environ), "descriptors": sorted(os.readlink("/proc/self/fd/" + d).split(":")[0] for d in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + d)),
    }
`);
  const abstract = `plumbline-test-${process.pid}`;
  const listener = net.createServer(() => {}).listen(`\0${abstract}`);
  const seen = JSON.parse((await cloud.invoke('probe', JSON.stringify({ port: Number(new URL(cloud.server.endpoint).port), abstract }))).body);
  listener.close();
  for (const what of ['shadow', 'home', 'data', 'code', 'usr', 'top', 'etc', 'kernel', 'sys', 'server', 'outside', 'names', 'abstract', 'raw', 'netlink'])
    assert.match(seen[what], /^refused/, what);
  assert.deepEqual(seen.devices, ['fd', 'null', 'random', 'urandom']);
  assert.equal(seen.vendor, '127.0.0.1');
  for (const set of ['CapEff', 'CapPrm', 'CapAmb', 'CapInh']) assert.equal(Number.parseInt(seen.status[set], 16), 0, set);
  assert.deepEqual([seen.status.NoNewPrivs, seen.status.Seccomp], ['1', '2']);
  assert.ok(seen.processes <= 2, `${seen.processes} processes`);
  assert.deepEqual(seen.environment, ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'ALIBABA_CLOUD_SECURITY_TOKEN', 'FC_ACCOUNT_ID', 'FC_FUNCTION_HANDLER', 'FC_FUNCTION_MEMORY_SIZE',
    'FC_FUNCTION_NAME', 'FC_INSTANCE_ID', 'FC_REGION', 'FC_SERVER_PORT', 'HOME', 'LANG', 'PATH', 'TMPDIR', '_HANDLER']);
  assert.deepEqual(seen.descriptors.filter((d) => !/^(pipe|socket|\/proc)/.test(d)), ['/dev/null']);
  assert.equal(seen.descriptors.filter((d) => d === 'socket').length, 2);
});

test('a function cannot get at the process that guards it, nor at memory that belongs to nobody', async () => {
  await cloud.python('attack', `${ATTEMPTS}
def handler(event, context):
    return {
        "memory": attempt(lambda: open("/proc/1/mem", "r+b")), "environ": attempt(lambda: open("/proc/1/environ").read()),
        "files": attempt(lambda: os.listdir("/proc/1/fd")), "root": attempt(lambda: os.listdir("/proc/1/root")),
        "trace": attempt(lambda: call(101, 16, 1, 0, 0)), "getfd": attempt(lambda: call(438, os.pidfd_open(1), 3, 0)),
        "read": attempt(lambda: call(310, 1, 0, 0, 0, 0, 0)), "unshare": attempt(lambda: call(272, 0x10000000)),
        "clone": attempt(lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0)), "clone3": attempt(lambda: call(435, 0, 0)), "mount": attempt(lambda: call(165, 0, 0, 0, 0, 0)),
        "memfd": attempt(lambda: os.memfd_create("x")), "shm": attempt(lambda: call(29, 0, 1 << 20, 0o1600)),
        "shared": attempt(lambda: mmap.mmap(-1, 1 << 20)), "zero": attempt(lambda: open("/dev/zero")), "messages": attempt(lambda: call(68, 0, 0o1600)),
        "uring": attempt(lambda: call(425, 8, 0)), "keys": attempt(lambda: call(250, 0, 0)), "bpf": attempt(lambda: call(321, 0, 0, 0)),
        "injection": attempt(lambda: __import__("fcntl").ioctl(0, 0x5412, b"x")), "nice": attempt(lambda: os.nice(-5)), "kill": attempt(lambda: os.kill(1, 9)),
        "limits": attempt(lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NPROC, (1000, 1000))),
    }
`);
  const seen = JSON.parse((await cloud.invoke('attack')).body);
  for (const [what, came] of Object.entries(seen))
    if (what !== 'kill') assert.match(came, /^refused/, `${what}: ${came}`);
  assert.equal((await cloud.invoke('attack')).status, 200); // the first process takes no signals from inside
});

test('what the owner puts into the environment takes effect behind the system call filter only', async () => {
  const directory = scratch();
  fs.writeFileSync(path.join(directory, 'p.c'), `#include <stdio.h>
#include <string.h>
__attribute__((constructor)) static void loaded(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "Seccomp:", 8) == 0) fprintf(stderr, "PRELOADED %s", line);
}
`);
  const built = spawnSync('cc', ['-shared', '-fPIC', '-o', path.join(directory, 'p.so'), path.join(directory, 'p.c')], { encoding: 'utf8' });
  assert.equal(built.status, 0, built.stderr);
  await cloud.create('preload', { 'p.so': fs.readFileSync(path.join(directory, 'p.so')), 'index.py': 'def handler(event, context):\n    return "ok"\n' },
    { environmentVariables: { LD_PRELOAD: '/code/p.so', LD_AUDIT: '/code/none.so' } });
  const done = await cloud.invoke('preload');
  assert.equal(done.body, '"ok"'.slice(1, -1));
  const log = plumbline(['function', 'logs', 'preload', '--data', cloud.server.data]).stdout;
  const filters = [...log.matchAll(/PRELOADED Seccomp:\s*(\d)/g)].map((line) => line[1]);
  assert.ok(filters.length > 0, log);
  assert.deepEqual(new Set(filters), new Set(['2']));
});

test('an instance that goes on working after its answer is ended', async () => {
  const background = (what) => `import os, threading, time\n${hog}\ndef spin():\n    while True:\n        pass\nthread = None\ndef handler(event, context):\n    global thread\n    if not thread:\n        thread = threading.Thread(target=lambda: (time.sleep(0.3), ${what}()), daemon=True); thread.start()\n    return os.environ["FC_INSTANCE_ID"]\n`;
  for (const what of ['fill', 'spin']) {
    await cloud.python(`after-${what}`, background(what), { memorySize: 128 });
    const first = (await cloud.invoke(`after-${what}`)).body;
    await until(async () => {
      const metrics = await (await fetch(`${cloud.server.endpoint}/metrics`)).text();
      return Number(/^plumbline_function_instances (\d+)/m.exec(metrics)[1]) <= 1 || (await cloud.invoke('echo')).status !== 200;
    }, 30).catch(() => {});
    await until(async () => (await cloud.invoke(`after-${what}`)).body !== first);
  }
});

test('a function that keeps connections open cannot take those of other functions', async () => {
  await cloud.python('clinging', `import socket
kept = []
def handler(event, context):
    for _ in range(400):
        try:
            s = socket.create_connection(("config.cn-shanghai.aliyuncs.com", 80), timeout=2)
            kept.append(s)
        except OSError:
            break
    alive = 0
    for s in kept:
        try:
            s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            s.settimeout(2)
            alive += s.recv(16).startswith(b"HTTP/1.1 200")
        except OSError:
            pass
    return str(alive)
`, { timeout: 30 });
  await cloud.python('calling', `${PYTHON_CALL}
def handler(event, context):
    return [len(call("ListConfigRules", {}, context.credentials)) > 0 for _ in range(100)]
`, { timeout: 30 });
  const alive = Number((await cloud.invoke('clinging')).body);
  assert.ok(alive > 0 && alive <= 40, `${alive} connections`);
  assert.deepEqual(JSON.parse((await cloud.invoke('calling')).body), Array(100).fill(true));
});

test('the whole process tree ends with its invocation', async () => {
  const mark = `98765.${process.pid}`;
  await cloud.python('escaping', `import os, subprocess, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "${mark}"])
        os._exit(0)
    time.sleep(60)
`, { timeout: 1 });
  const running = () => fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p)).some((p) => {
    try {
      return fs.readFileSync(`/proc/${p}/cmdline`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
  const invoked = cloud.invoke('escaping');
  await until(running);
  assert.match((await invoked).body, /timed out/);
  await until(() => !running());
});

test('code packages that reach outside of their directory are refused', async () => {
  for (const name of ['../up.py', '/etc/cron.d/x', 'a/../../b.py', 'a\\b'])
    assert.match((await failure(cloud.create('outside', { [name]: 'x', 'index.py': '' }))).message, /name that is not allowed/, name);
});

test('where the kernel refuses namespaces functions are refused, unless the operator allows them without', async () => {
  const command = ['bwrap', '--unshare-user', '--disable-userns', '--dev-bind', '/', '/', '--die-with-parent', '--', program];
  const walled = await Cloud.start({ command });
  try {
    const refused = await failure(walled.python('any', 'def handler(event, context):\n    return 1\n'));
    assert.match(`${refused.code} ${refused.message}`, /ServiceUnavailable.*Functions cannot run on this server.*--unsafe-functions/s);
    assert.match(walled.server.log, /functions are refused: .*--unsafe-functions/);
    assert.equal((await fetch(`${walled.server.endpoint}/healthz`)).status, 200);
  } finally {
    await walled.stop();
  }
  const open = await Cloud.start({ command, args: ['--unsafe-functions'] });
  try {
    await until(() => /functions run without a sandbox/.test(open.server.log));
    await open.server.put([instance('i-1', 'good')]);
    await open.python('free', decide('"NON_COMPLIANT"').replaceAll('"http://" + host + "/"', '__import__("os").environ["PLUMBLINE_ENDPOINT"] + "/"'));
    const rule = await open.createRule('free', open.arn('free'));
    await until(async () => (await open.verdicts(rule))['i-1'] === 'NON_COMPLIANT');
    await open.python('loop', 'def handler(event, context):\n    while True:\n        pass\n', { timeout: 1 });
    assert.match((await open.invoke('loop')).body, /timed out/);
  } finally {
    await open.stop();
  }
});

test('an unprivileged server runs functions all the same', { skip: process.getuid() !== 0 && 'the other tests are unprivileged' }, async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'plumbline-test-'));
  const copy = path.join(directory, 'plumbline');
  const data = path.join(directory, 'data');
  fs.chmodSync(directory, 0o755);
  fs.copyFileSync(program, copy);
  fs.chmodSync(copy, 0o755);
  fs.mkdirSync(data);
  fs.chownSync(data, 65534, 65534);
  const own = await Cloud.start({ data, command: [copy], spawning: { uid: 65534, gid: 65534 }, env: { TMPDIR: '/tmp' } });
  try {
    await own.server.put([instance('i-1', 'good')]);
    const made = await own.python('small', decide('"NON_COMPLIANT"')).catch((error) => error);
    if (/Functions cannot run on this server/.test(made.message)) return; // this kernel lets only root make namespaces
    const rule = await own.createRule('small', own.arn('small'));
    await until(async () => (await own.verdicts(rule))['i-1'] === 'NON_COMPLIANT');
    await own.python('forks', 'import os\ndef handler(event, context):\n    while True:\n        os.fork()\n', { timeout: 2 });
    assert.equal((await own.invoke('forks')).type, 'UnhandledInvocationError');
    assert.equal((await fetch(`${own.server.endpoint}/healthz`)).status, 200);
  } finally {
    await own.stop();
    fs.rmSync(directory, { recursive: true });
  }
});
