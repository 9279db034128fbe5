import { DEVELOPMENT_KEY } from '@past-tense/auth';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ALGORITHM = 'ES256';

/** The key that signs the tokens of the development issuer; made at the first start, readable only by whoever started it. */
export class SigningKey {
  private constructor(
    private readonly key: CryptoKey,
    /** The half that verifies, for everybody. */
    readonly published: JWK,
  ) {}

  static async in(folder: string): Promise<SigningKey> {
    const file = join(folder, 'signing-key.json');
    if (!existsSync(file)) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
      const made = { ...(await exportJWK(privateKey)), kid: DEVELOPMENT_KEY + randomUUID(), alg: ALGORITHM, use: 'sig' };
      // Renamed into place: a start that is cut short must not leave half a key behind.
      writeFileSync(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    }
    const jwk = JSON.parse(readFileSync(file, 'utf8')) as JWK;
    const { d: _private, ...published } = jwk;
    return new SigningKey((await importJWK(jwk, ALGORITHM)) as CryptoKey, published);
  }

  /** A signed token (RFC 9068) that is good for `lifetimeS` seconds. */
  async sign(claims: JWTPayload, lifetimeS: number): Promise<string> {
    return await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, kid: this.published.kid!, typ: 'at+jwt' })
      .setIssuedAt()
      .setExpirationTime(`${lifetimeS} s`)
      .setJti(randomUUID())
      .sign(this.key);
  }
}
