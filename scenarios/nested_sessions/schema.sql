create table booking (
    id integer generated always as identity primary key,
    guest text not null
);

create table audit (
    id integer generated always as identity primary key,
    entry text not null
);
