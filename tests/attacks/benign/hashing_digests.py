# goal: hashlib, base64, zlib, hmac and secrets
# outcome: accepted
# test: Solution().digest(text="vgrout") == ['06ff76c692df6507', '0fb2305c', 'dmdyb3V0', True, '7a640eac', 8]
import base64
import hashlib
import hmac
import secrets
import zlib


class Solution:
    def digest(self, text):
        data = text.encode()
        packed = zlib.compress(data)
        return [
            hashlib.sha256(data).hexdigest()[:16],
            hashlib.md5(data).hexdigest()[:8],
            base64.b64encode(data).decode(),
            zlib.decompress(packed) == data,
            hmac.new(b"k", data, "sha1").hexdigest()[:8],
            len(secrets.token_hex(4)),
        ]
