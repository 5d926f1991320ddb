//! Language models hosted with candle; knows neither C nor proofs.
