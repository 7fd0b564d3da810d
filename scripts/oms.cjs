// Verifies a folder of `mythos model export --format oms` with Sigstore's own client, and its
// files as the OpenSSF Model Signing specification says: node oms.cjs DIR PUBLIC.pem
const fs = require('fs'), path = require('path'), crypto = require('crypto');
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const [dir, pem] = process.argv.slice(2);
const sha256 = data => crypto.createHash('sha256').update(data).digest();
const text = fs.readFileSync(pem);
const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(path.join(dir, 'model.sig'))));
const trust = toTrustMaterial({ certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] }, hint => {
  if (hint !== sha256(text).toString('hex')) throw new Error('the bundle names another key: ' + hint);
  return { publicKey: crypto.createPublicKey(text), validFor: () => true };
});
new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundle));

const statement = JSON.parse(bundle.content.dsseEnvelope.payload);
const resources = statement.predicate.resources, ignored = statement.predicate.serialization.ignore_paths;
const files = fs.readdirSync(dir, { recursive: true }).filter(f => fs.statSync(path.join(dir, f)).isFile() && !ignored.includes(f.split(path.sep)[0])).sort();
if (JSON.stringify(files) !== JSON.stringify(resources.map(r => r.name))) throw new Error('the files are not those that were signed: ' + files);
for (const r of resources) {
  if (r.algorithm !== 'sha256' || sha256(fs.readFileSync(path.join(dir, r.name))).toString('hex') !== r.digest) throw new Error(r.name + ' is not what was signed');
}
const root = sha256(Buffer.concat(resources.map(r => Buffer.from(r.digest, 'hex')))).toString('hex');
if (statement.predicateType !== 'https://model_signing/signature/v1.0' || statement.subject[0].digest.sha256 !== root) throw new Error('the subject is not over the files');
console.log('verified by sigstore: ' + resources.map(r => r.name).join(', '));
