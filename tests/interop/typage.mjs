// The other side of the exchange: npm's age-encryption ("typage") 0.3.1.
//
//   node typage.mjs make DIRECTORY      a fresh identity.txt and recipient.txt, and by-typage.age, sealed to them
//   node typage.mjs open DIRECTORY      opens by-quorate.age with identity.txt, and tells what is in it
//
// The files in this directory were made by `make`, and by-quorate.age by this project's test, which `open` has opened.

import * as age from "age-encryption";
import { readFileSync, writeFileSync } from "node:fs";

const [verb, directory] = process.argv.slice(2);
const read = (name) => readFileSync(`${directory}/${name}`);

if (verb === "make") {
    const identity = await age.generateHybridIdentity();
    const recipient = await age.identityToRecipient(identity);
    const sealing = new age.Encrypter();
    sealing.addRecipient(recipient);
    writeFileSync(`${directory}/identity.txt`, `${identity}\n`, { mode: 0o600 });
    writeFileSync(`${directory}/recipient.txt`, `${recipient}\n`);
    writeFileSync(`${directory}/by-typage.age`, await sealing.encrypt("sealed by typage"));
} else if (verb === "open") {
    const opening = new age.Decrypter();
    opening.addIdentity(read("identity.txt").toString().trim());
    console.log(await opening.decrypt(read("by-quorate.age"), "text"));
} else {
    console.error("make or open");
    process.exit(2);
}
