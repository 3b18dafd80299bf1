// An external system, written against nothing but the client that a foreign
// generator made of the description: `ask` makes the request to integrate,
// `round` does what an accepted system does. Every answer is held against the
// types and the schemas of that client. It says nothing when all is well.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { Agent, setGlobalDispatcher } from 'undici';

import { client } from './generated/client.gen.js';
import * as api from './generated/index.js';
import { zDeleteScanResponse, zDeleteScansResponse, zEvent, zProblem, zSubmitScanResponse } from './generated/zod.gen.js';

const [, , part, address, sensorId, mark] = process.argv as [string, string, string, string, string, string];
const path = { sensorId };
const external = { externalSystemId: sensorId };

const own = { cert: readFileSync('cert.pem'), key: readFileSync('key.pem') };
const verified = new Agent({ connect: { ...own, ca: readFileSync('kata.crt') } });
setGlobalDispatcher(verified);
client.setConfig({ baseUrl: `https://${address}` });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response?: Response;
}

// good is the data of an answer that has any.
async function good<T>(call: Promise<Answer<T>>): Promise<Exclude<T, void>> {
  const { data, error, response } = await call;
  assert.equal(response?.status, 200, `${response?.url}: ${String(error)} ${JSON.stringify(error)}`);
  return data as Exclude<T, void>;
}

// refused checks that a call is refused with a status and a code.
async function refused(call: Promise<Answer<unknown>>, status: number, code: api.Problem['code']): Promise<api.Problem> {
  const { error, response } = await call;
  assert.equal(response?.status, status, `${response?.url}: ${JSON.stringify(error)}`);
  assert.equal(response?.headers.get('Content-Type'), 'application/problem+json');
  const problem: api.Problem = zProblem.parse(error);
  assert.equal(problem.status, status);
  assert.equal(problem.code, code);
  return problem;
}

function object(name: string, text: string): File {
  return new File([text], name);
}

// states asks until no object waits for its verdict any more.
async function states(query?: api.GetScanStatesData['query']): Promise<Record<string, api.ScanState>> {
  for (;;) {
    const { scans } = await good(api.getScanStates({ path, query }));
    if (scans.every((scan) => scan.state !== 'processing')) {
      return Object.fromEntries(scans.map((scan) => [scan.scanId, scan.state]));
    }
    await pause(50);
  }
}

async function ask(): Promise<void> {
  // Whoever does not have the server certificate does not speak with the server.
  setGlobalDispatcher(new Agent({ connect: own }));
  const { error, response } = await api.getConnection({ path });
  assert.equal(response, undefined);
  assert.match(String((error as unknown as Error).cause), /self-signed certificate/);
  setGlobalDispatcher(verified);

  const described = await good(api.getDescription({ parseAs: 'text' }));
  assert.equal(described, readFileSync('openapi.yaml', 'utf8'), 'the description has changed since it was read');
  await refused(api.getConnection({ path, query: { sensorType: 'mail', sensorName: 'a generated client' } }), 401, 'pending');
  await refused(api.getEvents({ path: external }), 401, 'pending');
  await refused(api.getHosts({ path: external }), 401, 'pending');
}

async function scanner(): Promise<void> {
  const connection = await good(api.getConnection({ path }));
  assert.equal(connection.state, 'accepted');
  assert.equal(connection.type, 'mail sensor');
  assert.equal(connection.name, 'a generated client');
  const filters = await good(api.getScanFilters({ path }));
  assert.equal(filters.version, connection.version);
  assert.ok(filters.maxObjectSize > 0);

  assert.equal((await api.getScanStates({ path })).response?.status, 204);
  // In two halves, so that no scanner takes this file for it.
  const eicar = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$' + 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';
  const submissions: Array<[api.Submission, api.InstanceId?]> = [
    [{ content: object('sample.bin', 'an ordinary object'), scanId: 'ordinary', objectType: 'file' }],
    [{ content: object('пример.com', eicar), scanId: 'eicar' }],
    [{ content: object('sample.bin', 'an ordinary object'), scanId: 'other', sensorInstanceId: 'second' }],
    [{ content: object('large.bin', 'x'.repeat(4 << 20)), scanId: 'large' }, 'second'],
    [{ content: object('nameless.bin', 'an object without an ID') }],
  ];
  for (const [body, sensorInstanceId] of submissions) {
    zSubmitScanResponse.parse(await good(api.submitScan({ path, body, query: { sensorInstanceId } })));
  }
  await refused(api.submitScan({ path, body: { content: object('sample.bin', 'another object'), scanId: 'ordinary' } }), 409, 'scan_id_taken');
  await refused(api.submitScan({ path, body: { content: 'not a file' as unknown as File, scanId: 'text' } }), 400, 'bad_request');

  assert.deepEqual(await states(), { ordinary: 'not detected', eicar: 'detect', other: 'not detected', large: 'not detected' });
  assert.deepEqual(await states({ state: ['detect', 'not detected'], sensorInstanceId: 'second' }), { other: 'not detected', large: 'not detected' });
  assert.deepEqual(await states({ state: ['detect'] }), { eicar: 'detect' });

  const { detects, token } = await good(api.getDetects({ path, query: { detect_type: ['am', 'yara'], limit: 10 } }));
  assert.equal(detects.length, 1);
  const found = detects[0]!;
  assert.deepEqual(found.details, { sensorId, scanId: 'eicar' });
  assert.equal(found.technology, 'am');
  assert.equal(found.objectSource, 'mail');
  assert.equal(found.object.processedObject.fileName, 'пример.com');
  assert.equal(found.object.processedObject.fileSize, eicar.length);
  assert.equal(found.object.processedObject.SHA256, createHash('sha256').update(eicar).digest('hex'));
  const after = await good(api.getDetects({ path, query: { token } }));
  assert.deepEqual(after.detects, []);

  zDeleteScanResponse.parse(await good(api.deleteScan({ path: { sensorId, scanId: 'other' }, query: { sensorInstanceId: 'second' } })));
  await refused(api.deleteScan({ path: { sensorId, scanId: 'other' } }), 404, 'not_found');
  zDeleteScansResponse.parse(await good(api.deleteScans({ path })));
  assert.equal((await api.getScanStates({ path })).response?.status, 204);
}

// events goes on until it has the event of a process with the mark, and returns
// the Endpoint Agent that told.
async function events(): Promise<string> {
  const seen = new Set<string>();
  let token: string | undefined;
  for (;;) {
    const answer = await good(api.getEvents({ path: external, query: { continuation_token: token, max_timeout: 'PT30S', max_events: 7 } }));
    assert.ok(answer.events.length <= 7);
    for (const event of answer.events) {
      assert.ok(!seen.has(event.event.id), `${event.event.id} came twice`);
      seen.add(event.event.id);
      assert.equal(Date.parse(event['@timestamp']), Math.floor(event.Timestamp / 1000));
    }
    const marked = answer.events.find((event) => JSON.stringify(event).includes(mark));
    if (marked) {
      return zEvent.parse(marked).agent.id;
    }
    token = answer.continuationToken;
  }
}

async function hosts(agent: string): Promise<void> {
  const { sensors, server } = await good(api.getHosts({ path: external, query: { sensor_id: agent } }));
  assert.notEqual(server.version, '');
  assert.equal(sensors.length, 1);
  assert.equal(sensors[0]!.sensorId, agent);
  assert.deepEqual(sensors[0]!.capabilities, []);
  const { sensors: none } = await good(api.getHosts({ path: external, query: { host: 'nobody' } }));
  assert.deepEqual(none, []);

  const isolation = { sensor_id: agent, settings_type: 'network_isolation' } as const;
  await refused(api.getHostSettings({ path: external, query: isolation }), 404, 'not_found');
  await refused(api.deleteHostSettings({ path: external, query: isolation }), 404, 'not_found');
  const settings = { autoTurnoffTimeoutInSec: 7200, excludedRules: [{ direction: 'outbound', protocol: 6, remoteIpv4Address: '192.0.2.1' }] } as const;
  const body = { settings: { ...settings, excludedRules: [...settings.excludedRules] } };
  await refused(api.setHostSettings({ path: external, query: isolation, body }), 400, 'not_supported');
  await refused(api.setHostSettings({ path: external, query: { ...isolation, sensor_id: 'nobody' }, body }), 404, 'not_found');
  const task = { ...external, taskId: '1' };
  const run = { task: { schedule: { startNow: true }, execCommand: '/usr/bin/id' } };
  await refused(api.startTask({ path: task, query: { sensor_id: agent, task_type: 'run_process' }, body: run }), 400, 'not_supported');
  await refused(api.getTask({ path: task, query: { settings: true } }), 404, 'not_found');
}

async function round(): Promise<void> {
  await scanner();
  await hosts(await events());
}

void (part === 'ask' ? ask() : round()).then(() => verified.close());
