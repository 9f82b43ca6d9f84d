DROP TABLE sandbox_seeds;
