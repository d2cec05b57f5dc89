create table doctor (
    name text primary key,
    on_call boolean not null
);

insert into doctor (name, on_call) values ('ann', true), ('ben', true);
