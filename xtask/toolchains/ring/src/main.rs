//! ring: C and assembly, a hash that is known, random numbers from the kernel, a signature that holds.

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use ring::{aead, digest};

/// SHA-256 of `abc`, FIPS 180-4.
const ABC: [u8; 4] = [0xba, 0x78, 0x16, 0xbf];

fn main() {
    assert_eq!(digest::digest(&digest::SHA256, b"abc").as_ref()[..4], ABC);

    let random = SystemRandom::new();
    let mut key = [0; 32];
    random.fill(&mut key).expect("random numbers");
    assert_ne!(key, [0; 32]);

    let sealed = || {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &key).expect("a key");
        aead::LessSafeKey::new(key)
    };
    let nonce = || aead::Nonce::assume_unique_for_key([7; 12]);
    let mut text = b"a secret".to_vec();
    sealed()
        .seal_in_place_append_tag(nonce(), aead::Aad::empty(), &mut text)
        .expect("sealed");
    assert_ne!(&text[..8], b"a secret");
    let opened = sealed()
        .open_in_place(nonce(), aead::Aad::empty(), &mut text)
        .expect("opened");
    assert_eq!(opened, b"a secret");

    let pair = Ed25519KeyPair::from_seed_unchecked(&key).expect("a pair");
    let signature = pair.sign(b"a message");
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
    assert!(public.verify(b"a message", signature.as_ref()).is_ok());
    assert!(public.verify(b"another", signature.as_ref()).is_err());
    println!("OK");
}
