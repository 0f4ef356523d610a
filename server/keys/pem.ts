/** PEM (RFC 7468): DER as text between two lines. Not here: what the DER says. */

/** The text of one PEM section. */
export function pemEncode(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** The DER of every section with this label, in text order. */
export function pemDecode(pem: string, label: string): Uint8Array[] {
  const sections = pem.matchAll(
    new RegExp(`-----BEGIN ${label}-----\\s([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g'),
  );
  return [...sections].map((section) => new Uint8Array(Buffer.from(section[1] ?? '', 'base64')));
}
