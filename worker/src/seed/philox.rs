//! Philox4x64-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random
//! numbers: as easy as 1, 2, 3" (SC 2011): ten rounds turn a key and a counter into four words.
//! It has no state; equal inputs give equal words on every machine.

const ROUNDS: usize = 10;
const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
/// Weyl increments of the key: the golden ratio and sqrt(3) - 1.
const INCREMENTS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// The four random words at a counter, and those at the counters after it, which differ in the
/// first word. A block is a chain of dependent multiplications: several side by side cost little
/// more.
#[must_use]
pub fn philox<const BLOCKS: usize>(mut key: [u64; 2], counter: [u64; 4]) -> [[u64; 4]; BLOCKS] {
    let mut number = counter[0];
    let mut blocks = [counter; BLOCKS];
    for block in &mut blocks {
        block[0] = number;
        number = number.wrapping_add(1);
    }
    for done in 0..ROUNDS {
        if done > 0 {
            key[0] = key[0].wrapping_add(INCREMENTS[0]);
            key[1] = key[1].wrapping_add(INCREMENTS[1]);
        }
        blocks = blocks.map(|words| round(key, words));
    }
    blocks
}

fn round(key: [u64; 2], words: [u64; 4]) -> [u64; 4] {
    let (high_0, low_0) = multiply(MULTIPLIERS[0], words[0]);
    let (high_1, low_1) = multiply(MULTIPLIERS[1], words[2]);
    [
        high_1 ^ words[1] ^ key[0],
        low_1,
        high_0 ^ words[3] ^ key[1],
        low_0,
    ]
}

fn multiply(left: u64, right: u64) -> (u64, u64) {
    let product = u128::from(left) * u128::from(right);
    ((product >> 64) as u64, product as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_random123() {
        // `kat_vectors` of the Random123 distribution, lines "philox4x64 10".
        let zeros = [
            0x1655_4d9e_ca36_314c,
            0xdb20_fe9d_672d_0fdc,
            0xd7e7_72ce_e186_176b,
            0x7e68_b68a_ec7b_a23b,
        ];
        assert_eq!(philox([0; 2], [0; 4]), [zeros]);
        let ones = [
            0x87b0_92c3_013f_e90b,
            0x438c_3c67_be8d_0224,
            0x9cc7_d7c6_9cd7_77b6,
            0xa09c_aebf_594f_0ba0,
        ];
        assert_eq!(philox([u64::MAX; 2], [u64::MAX; 4]), [ones]);
        let counter = [
            0x243f_6a88_85a3_08d3,
            0x1319_8a2e_0370_7344,
            0xa409_3822_299f_31d0,
            0x082e_fa98_ec4e_6c89,
        ];
        let key = [0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c];
        let pi = [
            0xa528_f454_03e6_1d95,
            0x38c7_2dbd_566e_9788,
            0xa5a1_610e_72fd_18b5,
            0x57bd_43b5_e52b_7fe6,
        ];
        assert_eq!(philox(key, counter), [pi]);
    }

    #[test]
    fn blocks_made_at_once_are_those_of_counters_in_a_row() {
        let at = |number| philox::<1>([5, 6], [number, 7, 8, 9])[0];
        let made = philox([5, 6], [u64::MAX, 7, 8, 9]);
        assert_eq!(made, [at(u64::MAX), at(0), at(1)]);
    }
}
